using System.Net;
using System.Net.WebSockets;
using Mamba.Broker.Server.Security;
using Mamba.Broker.Server.Transport.WebSockets;
using Microsoft.AspNetCore.Http;

namespace Mamba.Broker.Host.Running;

/// <summary>Serves one AMQP connection over an accepted WebSocket until it is closed.</summary>
internal delegate Task ServeWebSocket(WebSocket socket, ListenerContext context, CancellationToken cancellationToken);

/// <summary>
/// What the console port answers: /health/live and /health/ready, and AMQP over WebSocket (subprotocol "amqp", AMQP 1.0
/// WebSocket binding) at /amqp, or at / for clients that give no path.
/// </summary>
internal sealed class ConsoleEndpoints(BrokerState state, ServeWebSocket serve)
{
    public Task HandleAsync(HttpContext http)
    {
        var path = http.Request.Path.Value ?? "";
        if (http.WebSockets.IsWebSocketRequest && WebSocketRules.IsServed(path))
        {
            return AcceptAsync(http);
        }

        return path switch
        {
            "/health/live" => AnswerAsync(http, StatusCodes.Status200OK, "live"),
            "/health/ready" => state.IsReady
                ? AnswerAsync(http, StatusCodes.Status200OK, "ready")
                : AnswerAsync(http, StatusCodes.Status503ServiceUnavailable, state.Failure is null ? "not ready" : "failed"),
            "/amqp" => AnswerAsync(http, StatusCodes.Status426UpgradeRequired, "This is AMQP over WebSocket: connect with the subprotocol amqp."),
            _ => AnswerAsync(http, StatusCodes.Status404NotFound, "Not found."),
        };
    }

    private static Task AnswerAsync(HttpContext http, int status, string text)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "text/plain; charset=utf-8";
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.XContentTypeOptions = "nosniff";
        return http.Response.WriteAsync(text + "\n", http.RequestAborted);
    }

    private async Task AcceptAsync(HttpContext http)
    {
        var connection = http.Connection;
        if (!WebSocketRules.IsFromHere(http.Request.Headers.Origin, http.Request.Host.Value ?? string.Empty, connection.LocalIpAddress ?? IPAddress.Any))
        {
            await AnswerAsync(http, StatusCodes.Status403Forbidden, "Pages of other sites may not connect.");
            return;
        }

        var chosen = WebSocketRules.ChooseSubprotocol(http.WebSockets.WebSocketRequestedProtocols);
        if (chosen is null)
        {
            await AnswerAsync(http, StatusCodes.Status400BadRequest, "Ask for the WebSocket subprotocol amqp.");
            return;
        }

        if (!state.IsReady)
        {
            await AnswerAsync(http, StatusCodes.Status503ServiceUnavailable, "not ready");
            return;
        }

        using var socket = await http.WebSockets.AcceptWebSocketAsync(chosen);
        var context = new ListenerContext(
            new IPEndPoint(connection.LocalIpAddress ?? IPAddress.Any, connection.LocalPort),
            new IPEndPoint(connection.RemoteIpAddress ?? IPAddress.Any, connection.RemotePort),
            http.Request.IsHttps,
            connection.ClientCertificate);
        await serve(socket, context, http.RequestAborted);
    }
}
