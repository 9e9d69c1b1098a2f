import java.io.FileInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayDeque;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Java's own client, java.net.http. */
class JavaHttp implements WebSocket.Listener {
    private final String room;
    private final Map<String, String> payloads;
    private final Queue<String> waiting = new ArrayDeque<>();
    private final StringBuilder result = new StringBuilder("{");
    private final StringBuilder partial = new StringBuilder();
    final CompletableFuture<String> ended = new CompletableFuture<>();

    JavaHttp(String room, String text, int times) {
        this.room = room;
        payloads = Map.of("small", text, "large", text.repeat(times));
        waiting.add("small");
        waiting.add("large");
    }

    private void heard(WebSocket socket, String message) {
        if (message.contains("\"type\":\"welcome\"")) {
            socket.sendText("{\"type\":\"join\",\"room\":\"" + room + "\",\"id\":1}", true);
            return;
        }
        if (message.contains("\"type\":\"room_message\"")) {
            String name = waiting.remove();
            boolean same = message.contains("\"payload\":\"" + payloads.get(name) + "\"");
            result.append("\"" + name + "\":" + same + ",");
        } else if (!message.contains("\"id\":1")) {
            return;
        }
        if (waiting.isEmpty()) {
            socket.sendClose(1000, "");
            return;
        }
        socket.sendText("{\"type\":\"room_message\",\"room\":\"" + room + "\",\"payload\":\""
            + payloads.get(waiting.peek()) + "\"}", true);
    }

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
        partial.append(data);
        if (last) {
            String message = partial.toString();
            partial.setLength(0);
            heard(socket, message);
        }
        socket.request(1);
        return null;
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
        ended.complete(result + "\"code\":" + code + "}");
        return null;
    }

    @Override
    public void onError(WebSocket socket, Throwable error) {
        ended.completeExceptionally(error);
    }

    private static SSLContext trust(String caFile) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null);
        try (FileInputStream in = new FileInputStream(caFile)) {
            store.setCertificateEntry(
                "ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        TrustManagerFactory managers =
            TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        return context;
    }

    public static void main(String[] args) throws Exception {
        HttpClient.Builder builder = HttpClient.newBuilder();
        if (args.length > 4) {
            builder.sslContext(trust(args[4]));
        }
        JavaHttp listener = new JavaHttp(args[1], args[2], Integer.parseInt(args[3]));
        builder.build().newWebSocketBuilder().buildAsync(URI.create(args[0]), listener).join();
        System.out.println(listener.ended.get());
        System.exit(0);
    }
}
