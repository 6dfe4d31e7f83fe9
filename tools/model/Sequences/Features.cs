namespace Mamba.Tools.Model.Sequences;

/// <summary>What the broker under test has; sequences leave out what it has not.</summary>
[Flags]
internal enum Features
{
    None = 0,

    /// <summary>Time can be told to pass and the broker to restart: only brokers in this process.</summary>
    Time = 1,
    Selectors = 2,
    Groups = 4,
    Priorities = 8,
    Transactions = 16,
    Topics = 32,
    Browsing = 64,

    /// <summary>The anonymous terminus.</summary>
    Relay = 128,

    /// <summary>Temporary queues and topics.</summary>
    Temporary = 256,

    /// <summary><c>$management</c>: queues are purged, deleted, and made with settings; connections are lost.</summary>
    Management = 512,

    /// <summary>Rejected and modified, and the dead letters that come of them.</summary>
    Outcomes = 1_024,

    /// <summary>delivery-count and first-acquirer.</summary>
    Counts = 2_048,

    /// <summary>Consumers that ask for confirmed settlement (rcv-settle-mode second).</summary>
    Confirmation = 4_096,

    All = 8_191,
}
