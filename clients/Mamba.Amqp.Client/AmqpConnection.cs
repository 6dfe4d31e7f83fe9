using System.Diagnostics;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Client;

/// <summary>
/// One connection to an AMQP 1.0 peer. Thread-safe. A connection that is lost stays lost: every pending operation fails with
/// the first cause, and a new one must be made.
/// </summary>
public sealed partial class AmqpConnection : IAsyncDisposable
{
    /// <summary>How long disposing waits for the peer's answer before it gives up.</summary>
    internal static readonly TimeSpan FarewellTime = TimeSpan.FromSeconds(5);

    private static readonly ActivitySource Source = new("Mamba.Amqp.Client");

    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<AmqpSession> _sessions = [];
    private int _linkNumber;

    /// <summary>What it was made with.</summary>
    public AmqpConnectionOptions Options { get; }

    /// <summary>Our container-id.</summary>
    public string ContainerId { get; }

    /// <summary>The peer's Open: its container-id, capabilities and properties.</summary>
    public Open RemoteOpen { get; private set; } = new();

    /// <summary>Ends when the connection has ended: normally when we closed it, with the first cause when it failed.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Connects to amqp://[user:password@]host[:port], or amqps:// for TLS.</summary>
    /// <inheritdoc cref="ConnectAsync(AmqpConnectionOptions, CancellationToken)"/>
    public static Task<AmqpConnection> ConnectAsync(Uri uri, CancellationToken ct = default) =>
        ConnectAsync(AmqpConnectionOptions.FromUri(uri), ct);

    /// <summary>Connects, authenticates and opens.</summary>
    /// <exception cref="AmqpException">
    /// The peer could not be reached (mamba:connection-lost), does not know the credentials (amqp:unauthorized-access), refused
    /// the Open (its own condition), or did not answer in time (mamba:timed-out).
    /// </exception>
    public static async Task<AmqpConnection> ConnectAsync(AmqpConnectionOptions options, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Problem() is { } problem)
        {
            throw new ArgumentException(problem, nameof(options));
        }

        using var limit = new CancellationTokenSource(options.ConnectTimeout, options.TimeProvider);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        try
        {
            var stream = await Dialer.ConnectAsync(options, both.Token);
            return await OpenAsync(options, stream, both.Token);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            var text = $"{options} did not complete the connection within {options.ConnectTimeout.TotalSeconds:0.#} s";
            throw ClientErrors.Make(ClientErrors.TimedOut, text, AmqpErrorScope.Connection, e);
        }
    }

    /// <summary>Begins a session.</summary>
    /// <exception cref="AmqpException">The connection has ended, or the peer ended the session at once.</exception>
    public async Task<AmqpSession> CreateSessionAsync(CancellationToken ct = default)
    {
        var session = new AmqpSession(this);
        using (BeginTurn())
        {
            ThrowIfFailed();
            _sessions.Add(session);
            session.Endpoint = _engine.CreateSession(new Begin());
            session.Endpoint.Tag = session;
        }

        try
        {
            await session.BegunAsync(ct);
        }
        catch (OperationCanceledException)
        {
            _ = session.DisposeAsync().AsTask();
            throw;
        }

        return session;
    }

    /// <summary>Closes the connection and all that is on it, and waits for the peer's answer.</summary>
    /// <exception cref="AmqpException">The connection had failed before, or the peer closed it with an error.</exception>
    public async Task CloseAsync(CancellationToken ct = default)
    {
        using (BeginTurn())
        {
            if (_failure is null && !_closing)
            {
                _closing = true;
                _engine.Close(null);
            }
        }

        await _ended.Task.WaitAsync(ct);
    }

    /// <summary>Closes the connection; what goes wrong meanwhile is of no interest any more. Ends when the socket is closed.</summary>
    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(FarewellTime, Options.TimeProvider);
        try
        {
            await CloseAsync(limit.Token);
        }
        catch (Exception e) when (e is AmqpException or OperationCanceledException)
        {
            Trace($"closing: {e.Message}");
        }

        Fail(ClientErrors.Make(ClientErrors.Closed, "the connection is closed", AmqpErrorScope.Connection), orderly: true);
        await _receiving;
        await _timer.DisposeAsync();
    }

    /// <summary>
    /// Cuts the connection without a word, as a crash would: what is not settled the broker delivers again, and what was not
    /// answered may or may not have happened. For giving up a broker that hangs, and for tests. Ends when the socket is closed.
    /// </summary>
    public async ValueTask AbortAsync()
    {
        Fail(ClientErrors.Make(ClientErrors.Closed, "the connection was cut", AmqpErrorScope.Connection), orderly: true);
        await _stream.DisposeAsync();
        await _receiving;
        await _timer.DisposeAsync();
    }

    /// <summary>A link name that this container has not used yet.</summary>
    internal string NewLinkName(string kind) => $"{ContainerId}:{kind}:{Interlocked.Increment(ref _linkNumber)}";

    internal void Forget(AmqpSession session) => _sessions.Remove(session);

    /// <summary>For things worth knowing that are nobody's failure.</summary>
    internal void Trace(string text)
    {
        using var activity = Source.StartActivity("mamba.client.note");
        activity?.SetTag("amqp.container", ContainerId).SetTag("note", text);
    }

    private void ThrowIfFailed()
    {
        if (_failure is { } failure)
        {
            throw new AmqpException(failure.Error, failure.Scope, failure);
        }
    }
}
