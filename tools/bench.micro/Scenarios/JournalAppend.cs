using Mamba.Broker.Journal;

namespace Mamba.Tools.Bench.Micro.Scenarios;

/// <summary>A batch of records of 128 bytes in one append, waited for: group commit with nobody else in the group.</summary>
public abstract class JournalScenario : BatchScenario, IJournalCompletion, IJournalReplay
{
    private readonly byte[] _record = new byte[128];
    private readonly AutoResetEvent _written = new(initialState: false);
    private Journal _journal = null!;
    private JournalException? _failure;

    public override bool UsesOtherThreads => true;

    /// <summary>Nothing but what a new segment costs now and then.</summary>
    public override double AllocationBound => OtherThreadsBound;

    protected abstract JournalOptions Options { get; }

    public override void Setup() => _journal = Journal.Open(Options, this);

    public override void Once()
    {
        var batch = _journal.RentBatch();
        for (var i = 0; i < Size; i++)
        {
            batch.BeginRecord();
            batch.Write(_record);
            batch.EndRecord();
        }

        _journal.Append(batch, sync: true, this);
        _written.WaitOne();
        batch.Dispose();
        if (_failure is { } failure)
        {
            throw failure;
        }
    }

    void IJournalCompletion.OnWritten() => _written.Set();

    void IJournalCompletion.OnFailed(JournalException cause)
    {
        _failure = cause;
        _written.Set();
    }

    void IJournalReplay.OnRecord(RecordAddress address, ReadOnlySpan<byte> payload)
    {
    }

    protected override void Dispose(bool disposing)
    {
        _journal.Dispose();
        _written.Dispose();
    }
}

/// <summary>On files that keep nothing: the code's own cost, the change to the journal's thread and back included.</summary>
public sealed class JournalAppend : JournalScenario
{
    protected override JournalOptions Options => new() { Directory = "/null", Files = new NullFiles() };
}

/// <summary>On a real file with fdatasync, in the folder for temporary files: mostly the disk's time.</summary>
public sealed class JournalAppendSynced : JournalScenario
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mamba-micro-").FullName;

    protected override JournalOptions Options => new() { Directory = _folder };

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        Directory.Delete(_folder, recursive: true);
    }
}
