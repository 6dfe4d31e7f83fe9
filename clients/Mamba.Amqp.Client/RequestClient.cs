using System.Collections.Concurrent;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Client;

/// <summary>
/// Sends requests and gives back their replies. All replies come on one queue of its own and are matched by correlation-id. A request
/// has a deadline, which goes with it as its ttl. A connection that is lost is made again when a request needs it: Mamba keeps the
/// queue meanwhile, so that a request that was accepted only goes on waiting. One whose outcome was lost with the connection, or whose
/// reply queue is gone (the broker was restarted), is sent again with the same message-id: requests are delivered at least once.
/// Thread-safe.
/// </summary>
public sealed class RequestClient : IAsyncDisposable
{
    private readonly AmqpConnectionOptions _connectionOptions;
    private readonly RequestOptions _options;
    private readonly ConcurrentDictionary<string, TaskCompletionSource<AmqpMessage>> _pending = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _disposing = new();
    private readonly Lock _gate = new();
    private RequestChannel? _channel;
    private Task<RequestChannel>? _opening;
    private long _lastId;
    private long _strayReplies;
    private long _connections;

    /// <summary>Connects with the first request.</summary>
    /// <param name="connection">Where to connect, and as whom. Without a container-id it gets one, the same for each connection it makes.</param>
    /// <param name="options">How to ask; null for the defaults.</param>
    public RequestClient(AmqpConnectionOptions connection, RequestOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(connection);
        _connectionOptions = connection.ContainerId is null ? connection with { ContainerId = $"requester-{Guid.NewGuid():N}" } : connection;
        _options = options ?? new RequestOptions();
    }

    /// <summary>Replies that nobody waited for: they came too late, or twice.</summary>
    public long StrayReplies => Interlocked.Read(ref _strayReplies);

    /// <summary>Connections made so far.</summary>
    public long Connections => Interlocked.Read(ref _connections);

    /// <summary>Requests that wait for their replies.</summary>
    public int Pending => _pending.Count;

    /// <summary>
    /// Sends a request and waits for its reply. The message is completed: message-id and correlation-id, reply-to, to and ttl are set;
    /// it must not be used for anything else before the task has ended.
    /// </summary>
    /// <param name="address">The queue or topic that is asked.</param>
    /// <param name="request">The request.</param>
    /// <param name="timeout">How long to wait, at least 1 ms; null for <see cref="RequestOptions.Timeout"/>.</param>
    /// <param name="ct">Gives up waiting.</param>
    /// <exception cref="AmqpException">No reply came in time (mamba:timed-out); the broker did not take the request, or does not know the
    /// credentials (its condition); too many requests wait (amqp:resource-limit-exceeded).</exception>
    public async Task<AmqpMessage> RequestAsync(string address, AmqpMessage request, TimeSpan? timeout = null, CancellationToken ct = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(address);
        ArgumentNullException.ThrowIfNull(request);
        var wait = timeout ?? _options.Timeout;
        ArgumentOutOfRangeException.ThrowIfLessThan(wait, TimeSpan.FromMilliseconds(1), nameof(timeout));
        var id = $"{_connectionOptions.ContainerId}:{Interlocked.Increment(ref _lastId)}";
        var reply = Register(id);
        using var limit = new CancellationTokenSource(wait, _connectionOptions.TimeProvider);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token, _disposing.Token);
        try
        {
            Complete(request, id, address);
            return await AskAsync(request, reply.Task, wait, any.Token);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            ObjectDisposedException.ThrowIf(_disposing.IsCancellationRequested, this);
            throw ClientErrors.Make(ClientErrors.TimedOut, $"no reply came from '{address}' within {wait.TotalSeconds:0.###} s", AmqpErrorScope.Link, e);
        }
        finally
        {
            _pending.TryRemove(id, out _);
        }
    }

    /// <summary>Closes the connection; requests that wait end with <see cref="ObjectDisposedException"/>.</summary>
    public async ValueTask DisposeAsync()
    {
        Task<RequestChannel>? opening;
        lock (_gate)
        {
            if (_disposing.IsCancellationRequested)
            {
                return;
            }

            _disposing.Cancel();
            opening = _opening;
        }

        if (opening is not null)
        {
            await opening.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }

        if (_channel is { } channel)
        {
            await channel.DisposeAsync();
        }
    }

    private static void Complete(AmqpMessage request, string id, string address)
    {
        var properties = request.Properties ??= new MessageProperties();
        properties.MessageId = id;
        properties.CorrelationId = id;
        properties.To = address;
    }

    private TaskCompletionSource<AmqpMessage> Register(string id)
    {
        ObjectDisposedException.ThrowIf(_disposing.IsCancellationRequested, this);
        var reply = new TaskCompletionSource<AmqpMessage>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (_pending.Count >= _options.MaxPending)
        {
            throw ClientErrors.Make(
                ErrorCondition.ResourceLimitExceeded, $"{_options.MaxPending} requests wait for their replies already; ask again later", AmqpErrorScope.Link);
        }

        _pending[id] = reply;
        return reply;
    }

    private void OnReply(AmqpMessage reply)
    {
        if (reply.Properties?.CorrelationId is string id && _pending.TryGetValue(id, out var waiting) && waiting.TrySetResult(reply))
        {
            return;
        }

        Interlocked.Increment(ref _strayReplies);
    }

    /// <summary>Sends, and sends again where it cannot be known that the request and the place for its reply are still there.</summary>
    private async Task<AmqpMessage> AskAsync(AmqpMessage request, Task<AmqpMessage> reply, TimeSpan wait, CancellationToken ct)
    {
        var time = _connectionOptions.TimeProvider;
        var started = time.GetTimestamp();
        string? acceptedFor = null;
        while (true)
        {
            var channel = await ConnectedAsync(ct);
            if (!string.Equals(acceptedFor, channel.ReplyTo, StringComparison.Ordinal))
            {
                var left = wait - time.GetElapsedTime(started);
                request.Header = (request.Header ?? MessageHeader.Default) with { Ttl = (uint)Math.Clamp(left.TotalMilliseconds, 1, uint.MaxValue) };
                request.Properties!.ReplyTo = channel.ReplyTo;
                acceptedFor = await TrySendAsync(channel, request, ct) ? channel.ReplyTo : null;
            }

            await Task.WhenAny(reply, channel.Ended).WaitAsync(ct);
            if (reply.IsCompleted)
            {
                return await reply;
            }
        }
    }

    /// <summary>False when the link or the connection went before the outcome was known.</summary>
    private static async Task<bool> TrySendAsync(RequestChannel channel, AmqpMessage request, CancellationToken ct)
    {
        DeliveryState outcome;
        try
        {
            outcome = await channel.SendAsync(request, ct);
        }
        catch (AmqpException) when (!channel.IsUsable)
        {
            await channel.DisposeAsync();
            return false;
        }

        outcome.ThrowIfNotAccepted();
        return true;
    }

    private async Task<RequestChannel> ConnectedAsync(CancellationToken ct)
    {
        var delay = _options.ReconnectDelay;
        while (true)
        {
            try
            {
                return await CurrentAsync().WaitAsync(ct);
            }
            catch (AmqpException e) when (e.Condition == ClientErrors.ConnectionLost || e.Condition == ClientErrors.TimedOut
                || e.Condition == ErrorCondition.ConnectionForced || e.Condition == ClientErrors.ClosedByPeer)
            {
                await Task.Delay(delay, _connectionOptions.TimeProvider, ct);
                delay = TimeSpan.FromTicks(Math.Min(delay.Ticks * 2, _options.MaxReconnectDelay.Ticks));
            }
        }
    }

    /// <summary>The connection there is, or the one that is being made for all who need it.</summary>
    private Task<RequestChannel> CurrentAsync()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposing.IsCancellationRequested, this);
            return _channel is { Ended.IsCompleted: false } channel ? Task.FromResult(channel) : _opening ??= Task.Run(OpenAsync);
        }
    }

    private async Task<RequestChannel> OpenAsync()
    {
        try
        {
            if (_channel is { } former)
            {
                await former.DisposeAsync();
            }

            var channel = await RequestChannel.OpenAsync(_connectionOptions, OnReply, _disposing.Token);
            Interlocked.Increment(ref _connections);
            lock (_gate)
            {
                _channel = channel;
            }

            return channel;
        }
        finally
        {
            lock (_gate)
            {
                _opening = null;
            }
        }
    }
}
