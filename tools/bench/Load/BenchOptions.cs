namespace Mamba.Tools.Bench.Load;

/// <summary>What one run does.</summary>
public enum BenchMode
{
    /// <summary>Send only.</summary>
    Send,

    /// <summary>Receive what is there, or comes.</summary>
    Receive,

    /// <summary>Send and receive at once; latency end to end.</summary>
    Both,

    /// <summary>One message under way at a time.</summary>
    PingPong,

    /// <summary>Open connections and keep them idle.</summary>
    Hold,
}

/// <summary>Everything a run is told; see the command's help for each. Checked by <see cref="Problem"/> before use.</summary>
public sealed record BenchOptions
{
    public required BenchMode Mode { get; init; }

    public required Uri Uri { get; init; }

    public string? User { get; init; }

    public string? Password { get; init; }

    public string? CertificateAuthority { get; init; }

    /// <summary>Where to send; %d is the sender's index.</summary>
    public required string Address { get; init; }

    /// <summary>Where to receive; %d is the receiver's index.</summary>
    public required string ReceiveAddress { get; init; }

    /// <summary>Messages per sender behind the warm-up; ignored when <see cref="Duration"/> is set.</summary>
    public long Count { get; init; } = 100_000;

    public TimeSpan? Duration { get; init; }

    /// <summary>Messages per sender that are sent and checked first, and left out of every figure.</summary>
    public long Warmup { get; init; }

    /// <summary>Bytes of each body.</summary>
    public int Size { get; init; } = 1024;

    public bool Durable { get; init; }

    public bool Settled { get; init; }

    public int Senders { get; init; } = 1;

    public int Receivers { get; init; } = 1;

    public int LinksPerConnection { get; init; } = 1;

    /// <summary>Each receiver's credit window.</summary>
    public int Credit { get; init; } = 1000;

    /// <summary>Unsettled messages a sender may have under way.</summary>
    public int Window { get; init; } = 1000;

    /// <summary>Messages a second per sender, sent when they are due whatever the broker does; 0 is as fast as possible.</summary>
    public double Rate { get; init; }

    /// <summary>Sends in one transaction; 0 is no transactions.</summary>
    public int Transaction { get; init; }

    /// <summary>Transactions each sender has open at once, from declare to the answer to the discharge.</summary>
    public int TransactionsOpen { get; init; } = 1;

    /// <summary>
    /// Messages that each sender puts into the queue before the receivers attach. The measured part begins with the receivers
    /// and ends when <see cref="Count"/> more are sent; what is left is received, checked and not measured.
    /// </summary>
    public long Backlog { get; init; }

    /// <summary>When above 0, messages carry application properties, of which one says which of so many keys the message has.</summary>
    public int Keys { get; init; }

    /// <summary>A JMS selector for each receiver, in which %d is the receiver's key; null is no selector. Needs <see cref="Keys"/>.</summary>
    public string? Selector { get; init; }

    /// <summary>Every receiver gets every message.</summary>
    public bool Topic { get; init; }

    public uint MaxFrameSize { get; init; } = 65_536;

    /// <summary>Idle connections to hold.</summary>
    public int Connections { get; init; } = 1000;

    /// <summary>The run fails when it has not ended by then.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(120);

    public string Label { get; init; } = "";

    public string Row { get; init; } = "";

    /// <summary>Which of several runs of the row.</summary>
    public int? Run { get; init; }

    public string? JsonFile { get; init; }

    public string? BrokerProcesses { get; init; }

    public bool Quiet { get; init; }

    public bool Sends => Mode is BenchMode.Send or BenchMode.Both or BenchMode.PingPong;

    public bool Receives => Mode is BenchMode.Receive or BenchMode.Both or BenchMode.PingPong;

    /// <summary>Messages of each sender, the warm-up included; null when only time ends the run.</summary>
    public long? PerSender => Duration is null ? Backlog + Count + Warmup : null;

    /// <summary>
    /// True when no receiver shares its messages with another, so that each must see every message of the producers it
    /// hears of, with no gap.
    /// </summary>
    public bool ReceiversAreAlone => Selector is null && (Topic || Receivers == 1 || ReceiveAddress.Contains("%d", StringComparison.Ordinal));

    /// <summary>Messages all receivers together must get when the senders sent <paramref name="sent"/>.</summary>
    public long ExpectedOf(long sent) => Topic && Selector is null ? sent * Receivers : sent;

    /// <summary>What makes these options impossible, with the remedy; null when nothing does.</summary>
    public string? Problem()
    {
        if (Size < Checking.Stamp.Size)
        {
            return $"--size {Size} is too small: every body begins with a stamp of {Checking.Stamp.Size} bytes";
        }

        if (Senders < 1 || Receivers < 1 || LinksPerConnection < 1 || Credit < 1 || Window < 1 || Count < 1 || Connections < 1 || Backlog < 0 || Keys is < 0 or > Checking.MessageTemplate.MaxKeys)
        {
            return "--senders, --receivers, --links-per-connection, --credit, --window, --count and --connections must be at least 1, --backlog and --keys 0 or more";
        }

        if (Mode == BenchMode.PingPong && (Senders > 1 || Receivers > 1 || Rate > 0 || Transaction > 0 || Topic))
        {
            return "pingpong has one sender and one receiver, and knows no --rate, --transaction or --topic";
        }

        if (TransactionsOpen < 1 || (TransactionsOpen > 1 && Transaction == 0))
        {
            return "--transactions-open is 1 or more, and says something only with --transaction";
        }

        if (Transaction > 0 && (Settled || Rate > 0))
        {
            return "--transaction needs outcomes: leave out --settled and --rate";
        }

        if (Transaction > 0 && PerSender is { } all && all % Transaction != 0)
        {
            return $"--count and --warmup together must be a multiple of --transaction {Transaction}";
        }

        if (Backlog > 0 && (Mode != BenchMode.Both || Duration is not null || Warmup > 0 || Rate > 0 || Transaction > 0 || Topic))
        {
            return "--backlog goes with both and --count on a queue: leave out --duration, --warmup, --rate, --transaction and --topic";
        }

        if (Selector is not null && Keys != Receivers)
        {
            return "--selector gives each receiver its own key: --keys must be the number of --receivers";
        }

        if (Mode == BenchMode.Receive && Duration is null && !Topic && !ReceiversAreAlone && Count % Receivers != 0)
        {
            return "the messages cannot be shared out evenly: make --count a multiple of --receivers";
        }

        return MaxFrameSize < 512 ? "--max-frame must be at least 512 (AMQP 1.0 §2.7.1)" : null;
    }
}
