using System.Net;
using System.Net.WebSockets;
using Mamba.Broker.Server.Security;
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
    public const string Subprotocol = "amqp";

    /// <summary>What clients ask for, best first: the standard's name, that of Azure's clients, and what rhea's examples send.</summary>
    private static readonly string[] Subprotocols = [Subprotocol, "AMQPWSB10", "binary"];

    public Task HandleAsync(HttpContext http)
    {
        var path = http.Request.Path.Value ?? "";
        if (http.WebSockets.IsWebSocketRequest && path is "/amqp" or "/")
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

    /// <summary>
    /// Whether a browser may connect. A page of any site can open a WebSocket to this port and would act with the user's
    /// network position; browsers say where the page came from, so only pages served from this very address are let in, and
    /// only when the address was not reached through a foreign name (DNS rebinding). Other clients send no Origin.
    /// </summary>
    internal static bool IsFromHere(string? origin, HostString host, IPAddress local)
    {
        if (string.IsNullOrEmpty(origin))
        {
            return true;
        }

        var isOwnName = IPAddress.TryParse(host.Host.Trim('[', ']'), out _) || string.Equals(host.Host, "localhost", StringComparison.OrdinalIgnoreCase)
            || !IPAddress.IsLoopback(local);
        return isOwnName && Uri.TryCreate(origin, UriKind.Absolute, out var page)
            && string.Equals(page.Authority, host.Value, StringComparison.OrdinalIgnoreCase);
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
        if (!IsFromHere(http.Request.Headers.Origin, http.Request.Host, connection.LocalIpAddress ?? IPAddress.Any))
        {
            await AnswerAsync(http, StatusCodes.Status403Forbidden, "Pages of other sites may not connect.");
            return;
        }

        var requested = http.WebSockets.WebSocketRequestedProtocols;
        var chosen = Array.Find(Subprotocols, name => requested.Contains(name, StringComparer.Ordinal));
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
