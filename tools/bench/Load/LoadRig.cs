using Mamba.Amqp.Client;
using Mamba.Tools.Bench.Checking;
using Mamba.Tools.Bench.Measuring;
using Mamba.Tools.Bench.Output;

namespace Mamba.Tools.Bench.Load;

/// <summary>The connections, links and counters of one run of send, receive, both or pingpong.</summary>
internal sealed class LoadRig : IAsyncDisposable
{
    private readonly BenchOptions _options;
    private readonly Failures _failures;
    private readonly List<AmqpConnection> _connections = [];
    private readonly List<SenderLoad> _senders = [];
    private readonly List<TransactionLoad> _transactions = [];
    private readonly List<ReceiverLoad> _receivers = [];
    private readonly Arrivals _arrivals = new();
    private long _went;

    public LoadRig(BenchOptions options, Measurement measurement, Failures failures)
    {
        _options = options;
        _failures = failures;
        Measurement = measurement;
        var run = (uint)Random.Shared.Next();
        PingPong = options.Mode == BenchMode.PingPong ? new PingPong(options, run, measurement, failures) : null;
        AddReceivers(options.Mode == BenchMode.Receive ? null : run);
        for (var i = 0; i < options.Senders && options.Sends && PingPong is null; i++)
        {
            if (options.Transaction > 0)
            {
                _transactions.Add(new TransactionLoad(options, i, run, measurement, failures));
            }
            else
            {
                _senders.Add(new SenderLoad(options, i, run, measurement, failures));
            }
        }
    }

    public Measurement Measurement { get; }

    public IReadOnlyList<SenderLoad> Senders => _senders;

    public IReadOnlyList<TransactionLoad> Transactions => _transactions;

    public IReadOnlyList<ReceiverLoad> Receivers => _receivers;

    public PingPong? PingPong { get; }

    /// <summary>When all links were attached and sending began, in nanoseconds.</summary>
    public long Went => _went;

    public long Sent => _senders.Sum(s => s.Sent) + _transactions.Sum(t => t.Sent) + (PingPong?.Sent ?? 0);

    public long Accepted => _senders.Sum(s => s.Accepted) + _transactions.Sum(t => t.Committed) + (PingPong?.Accepted ?? 0);

    public long Received => _arrivals.Count;

    /// <summary>With a backlog: what went in and out in the measured part, and how long it took. Null otherwise.</summary>
    public BacklogWindow? Window { get; private set; }

    public Tally Look() => new(
        _options.Sends, _options.Receives, Sent, Accepted, Received,
        _options.Receives ? Quantiles.Of(LatencyOf(_receivers.Select(r => r.Checker.Latencies))) : null);

    public static LatencyHistogram LatencyOf(IEnumerable<LatencyHistogram> parts)
    {
        var all = new LatencyHistogram();
        foreach (var part in parts)
        {
            all.Add(part);
        }

        return all;
    }

    public async Task RunAsync(CancellationToken ct)
    {
        if (_options.Backlog > 0)
        {
            await RunBehindBacklogAsync(ct);
        }
        else if (_options.Mode == BenchMode.Receive)
        {
            Measurement.Begin(Clock.Now()); // messages come as soon as a receiver is attached
            await AttachAsync(ct);
            _went = Clock.Now();
            await ReceiveOnlyAsync(ct);
        }
        else
        {
            await AttachAsync(ct);
            _went = Clock.Now();
            await SendAsync(ct);
        }

        await CloseLinksAsync(ct);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var connection in _connections)
        {
            await connection.DisposeAsync();
        }
    }

    /// <summary>
    /// Fills the queue, then sends and receives at once. The measured part ends with the last outcome, when most of the
    /// backlog is still there; the rest is received so that it is checked, and leaves an empty queue.
    /// </summary>
    private async Task RunBehindBacklogAsync(CancellationToken ct)
    {
        await AttachSendersAsync(ct);
        foreach (var sender in _senders)
        {
            sender.Start(Clock.Now());
        }

        await Task.WhenAll(_senders.Select(s => s.Done)).WaitAsync(ct);
        var began = Clock.Now();
        Measurement.Begin(began);
        await AttachReceiversAsync(ct);
        foreach (var sender in _senders)
        {
            sender.Continue(Clock.Now());
        }

        await Task.WhenAll(_senders.Select(s => s.Done)).WaitAsync(ct);
        Measurement.End();
        Window = new BacklogWindow(began, _options.Count * _options.Senders, Received, Clock.Now() - began);
        _arrivals.Expect(_options.ExpectedOf(Sent));
        await _arrivals.Complete.WaitAsync(ct);
    }

    private async Task SendAsync(CancellationToken ct)
    {
        foreach (var sender in _senders)
        {
            sender.Start(_went);
        }

        PingPong?.Start();
        if (_options.Rate > 0)
        {
            new Pacer(_senders, _failures, ct).Start();
        }

        await Task.WhenAll([.. _senders.Select(s => s.Done), .. _transactions.Select(t => t.RunAsync(ct)), PingPong?.Done ?? Task.CompletedTask]).WaitAsync(ct);
        if (_options.Receives)
        {
            _arrivals.Expect(_options.ExpectedOf(Sent));
            await _arrivals.Complete.WaitAsync(ct);
            Measurement.End(); // closing a thousand links is no part of what a message costs
        }
    }

    private async Task ReceiveOnlyAsync(CancellationToken ct)
    {
        if (_options.Duration is { } duration)
        {
            // Ends by time: nobody knows how much there is.
            await Task.WhenAny(_arrivals.Complete, Task.Delay(duration, ct));
            return;
        }

        _arrivals.Expect(_options.Receivers * (_options.Count + _options.Warmup));
        await _arrivals.Complete.WaitAsync(ct);
        Measurement.End();
    }

    /// <summary>Receivers first, so that nothing waits in the broker that need not, and topics miss nothing.</summary>
    private async Task AttachAsync(CancellationToken ct)
    {
        await AttachReceiversAsync(ct);
        await AttachSendersAsync(ct);
    }

    private Task AttachReceiversAsync(CancellationToken ct) =>
        AttachAsync(_receivers.Count, (index, session) => _receivers[index].AttachAsync(session, ct), ct);

    private async Task AttachSendersAsync(CancellationToken ct)
    {
        await AttachAsync(_senders.Count, (index, session) => _senders[index].AttachAsync(session, ct), ct);
        await AttachAsync(_transactions.Count, (index, session) => _transactions[index].AttachAsync(session, ct), ct);
        if (PingPong is not null)
        {
            await AttachAsync(1, (_, session) => PingPong.AttachAsync(session, ct), ct);
        }
    }

    private async Task AttachAsync(int links, Func<int, AmqpSession, Task> attach, CancellationToken ct)
    {
        for (var first = 0; first < links; first += _options.LinksPerConnection)
        {
            var connection = await AmqpConnection.ConnectAsync(Connector.Options(_options), ct);
            _connections.Add(connection);
            var session = await connection.CreateSessionAsync(ct);
            for (var i = first; i < Math.Min(links, first + _options.LinksPerConnection); i++)
            {
                await attach(i, session);
            }
        }
    }

    private async Task CloseLinksAsync(CancellationToken ct)
    {
        foreach (var sender in _senders)
        {
            await sender.CloseAsync(ct);
        }

        foreach (var sender in _transactions)
        {
            await sender.CloseAsync(ct);
        }

        foreach (var receiver in _receivers)
        {
            await receiver.CloseAsync(ct);
        }
    }

    private void AddReceivers(uint? run)
    {
        if (!_options.Receives)
        {
            return;
        }

        var arrived = _options.ReceiversAreAlone ? null : Enumerable.Range(0, _options.Senders).Select(_ => new SequenceSet()).ToArray();
        for (var i = 0; i < _options.Receivers; i++)
        {
            var checker = new DeliveryChecker($"receiver {i}", _options, run, arrived, _failures, _options.Selector is null ? null : i);
            _receivers.Add(new ReceiverLoad(_options, i, checker, _arrivals, _failures) { OnMessage = PingPong is null ? null : PingPong.OnArrival });
        }
    }
}

/// <summary>What a queue with a backlog took in and gave out while both went on, in so many nanoseconds from its beginning.</summary>
internal readonly record struct BacklogWindow(long Began, long In, long Out, long Nanoseconds)
{
    /// <summary>Messages that went through: half of those in and out, so that it compares with a queue where they are the same.</summary>
    public long Through => (In + Out) / 2;
}
