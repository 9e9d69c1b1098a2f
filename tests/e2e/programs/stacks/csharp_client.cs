using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Mono.Security.Interface;

/// .NET's System.Net.WebSockets.ClientWebSocket. It has no option of its own for certificates, so the
/// process trusts one; cert-sync --user would do the same for all programs of a user.
class CsharpClient
{
    static async Task Send(ClientWebSocket socket, string text)
    {
        var bytes = new ArraySegment<byte>(Encoding.UTF8.GetBytes(text));
        await socket.SendAsync(bytes, WebSocketMessageType.Text, true, CancellationToken.None);
    }

    static async Task<string> Receive(ClientWebSocket socket)
    {
        var message = new MemoryStream();
        var part = new ArraySegment<byte>(new byte[4096]);
        while (true)
        {
            var result = await socket.ReceiveAsync(part, CancellationToken.None);
            message.Write(part.Array, 0, result.Count);
            if (result.EndOfMessage)
            {
                return new UTF8Encoding(false, true).GetString(message.ToArray());
            }
        }
    }

    static async Task Run(string url, string room, string text, int times)
    {
        var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri(url), CancellationToken.None);
        var payloads = new[] { text, string.Concat(Enumerable.Repeat(text, times)) };
        var same = new List<bool>();
        while (same.Count < payloads.Length)
        {
            var heard = await Receive(socket);
            if (heard.Contains("\"type\":\"welcome\""))
            {
                await Send(socket, "{\"type\":\"join\",\"room\":\"" + room + "\",\"id\":1}");
                continue;
            }
            if (heard.Contains("\"type\":\"room_message\""))
            {
                same.Add(heard.Contains("\"payload\":\"" + payloads[same.Count] + "\""));
            }
            else if (!heard.Contains("\"id\":1"))
            {
                continue;
            }
            if (same.Count < payloads.Length)
            {
                await Send(socket, "{\"type\":\"room_message\",\"room\":\"" + room +
                                   "\",\"payload\":\"" + payloads[same.Count] + "\"}");
            }
        }
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "", CancellationToken.None);
        Console.WriteLine("{\"small\":" + (same[0] ? "true" : "false") + ",\"large\":" +
                          (same[1] ? "true" : "false") + ",\"code\":" + (int)socket.CloseStatus + "}");
    }

    static void Main(string[] args)
    {
        if (args.Length > 4)
        {
            MonoTlsSettings.DefaultSettings.TrustAnchors = new X509CertificateCollection {
                X509Certificate.CreateFromCertFile(args[4]) };
        }
        Run(args[0], args[1], args[2], int.Parse(args[3])).Wait();
    }
}
