require 'eventmachine'
require 'faye/websocket'
require 'json'

url, room, text, times, ca = ARGV
payloads = { small: text, large: text * times.to_i }
waiting = payloads.keys
result = {}

EM.run do
  options = ca ? { tls: { root_cert_file: ca } } : {}
  socket = Faye::WebSocket::Client.new(url, nil, options)
  socket.on :message do |event|
    heard = event.data
    if heard.include?('"type":"welcome"')
      socket.send(%({"type":"join","room":"#{room}","id":1}))
      next
    end
    if heard.include?('"type":"room_message"')
      name = waiting.shift
      result[name] = heard.include?(%("payload":"#{payloads[name]}"))
    elsif !heard.include?('"id":1')
      next
    end
    if waiting.empty?
      socket.close(1000)
    else
      socket.send(%({"type":"room_message","room":"#{room}","payload":"#{payloads[waiting[0]]}"}))
    end
  end
  socket.on :close do |event|
    puts JSON.generate(result.merge(code: event.code))
    EM.stop
  end
end
