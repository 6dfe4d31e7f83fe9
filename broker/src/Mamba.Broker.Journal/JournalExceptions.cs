namespace Mamba.Broker.Journal;

/// <summary>The journal could not do what was asked. The message says what failed, why, and what to do.</summary>
public class JournalException : IOException
{
    public JournalException(string message)
        : base(message)
    {
    }

    public JournalException(string message, Exception? cause)
        : base(message, cause)
    {
    }
}

/// <summary>A write or an fdatasync failed. This is final: the journal takes nothing more until the process opens it anew.</summary>
public sealed class JournalFailedException(string message, Exception? cause) : JournalException(message, cause);

/// <summary>
/// The disk has no room for the next segment. The batch is not stored, the journal stays usable, and appends succeed again
/// once there is space.
/// </summary>
public sealed class JournalFullException(string message, Exception? cause) : JournalException(message, cause);

/// <summary>Another process (or another journal object in this one) has the directory open.</summary>
public sealed class JournalLockedException : JournalException
{
    public JournalLockedException(string message, int? holderProcessId)
        : base(message) => HolderProcessId = holderProcessId;

    /// <summary>The process that holds the directory, if its lock file could be read.</summary>
    public int? HolderProcessId { get; }
}

/// <summary>
/// Records that were stored can no longer be read: the journal does not start, so that nobody goes on without noticing.
/// </summary>
public sealed class JournalDamagedException : JournalException
{
    public JournalDamagedException(string message, JournalDamage damage)
        : base(message) => Damage = damage;

    /// <summary>What is damaged, to the byte.</summary>
    public JournalDamage Damage { get; }
}
