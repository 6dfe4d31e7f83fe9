using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Client;

/// <summary>One connection of a <see cref="RequestClient"/>: an anonymous link for requests, and the queue for replies. Thread-safe.</summary>
internal sealed class RequestChannel : IAsyncDisposable
{
    private static readonly Symbol TemporaryQueue = new("temporary-queue");

    private readonly AmqpConnection _connection;
    private readonly AmqpSender _requests;

    private RequestChannel(AmqpConnection connection, AmqpSender requests, AmqpReceiver replies, Action<AmqpMessage> onReply)
    {
        _connection = connection;
        _requests = requests;
        ReplyTo = replies.Address ?? throw ClientErrors.Make(ErrorCondition.InvalidField, "the broker made a reply queue and did not say its address", AmqpErrorScope.Link);
        Ended = ReadAsync(replies, onReply);
    }

    /// <summary>Where replies go.</summary>
    public string ReplyTo { get; }

    /// <summary>Completes, never with an exception, when replies can arrive no more.</summary>
    public Task Ended { get; }

    /// <summary>
    /// Connects. The link for replies has the same name each time: the broker then gives a client that lost its connection the queue
    /// that it had.
    /// </summary>
    public static async Task<RequestChannel> OpenAsync(AmqpConnectionOptions options, Action<AmqpMessage> onReply, CancellationToken ct)
    {
        var connection = await AmqpConnection.ConnectAsync(options, ct);
        try
        {
            var session = await connection.CreateSessionAsync(ct);
            var replies = await session.CreateReceiverAsync(
                address: null, new ReceiverOptions { Name = $"{options.ContainerId}:replies", Dynamic = true, Capabilities = [TemporaryQueue] }, ct);
            var requests = await session.CreateSenderAsync(address: null, options: null, ct);
            return new RequestChannel(connection, requests, replies, onReply);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Whether requests can still be sent.</summary>
    public bool IsUsable => !_requests.Ended.IsCompleted && !Ended.IsCompleted;

    public Task<DeliveryState> SendAsync(AmqpMessage request, CancellationToken ct) => _requests.SendAsync(request, ct: ct);

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        await Ended;
    }

    private async Task ReadAsync(AmqpReceiver replies, Action<AmqpMessage> onReply)
    {
        try
        {
            await foreach (var reply in replies.ReadAllAsync())
            {
                try
                {
                    onReply(reply.Message);
                    await replies.AcceptAsync(reply);
                }
                catch (AmqpException e) when (e.Scope == AmqpErrorScope.Link && !_connection.Ended.IsCompleted)
                {
                    await replies.RejectAsync(reply, e.Error);
                }
            }
        }
        catch (AmqpException e)
        {
            _connection.Trace($"replies end: {e.Message}");
        }
    }
}
