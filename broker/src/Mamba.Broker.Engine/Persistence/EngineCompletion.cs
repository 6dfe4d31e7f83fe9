using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>
/// Base of the engine's journal completions: marks the journal's thread, so that code reached from there does not wait for it,
/// and keeps exceptions off it.
/// </summary>
internal abstract class EngineCompletion : IJournalCompletion
{
    [ThreadStatic]
    private static int _depth;

    /// <summary>True on a thread that is inside a journal completion.</summary>
    public static bool IsInside => _depth > 0;

    public void OnWritten()
    {
        _depth++;
        try
        {
            Written();
        }
        finally
        {
            _depth--;
        }
    }

    public void OnFailed(JournalException cause)
    {
        _depth++;
        try
        {
            Failed(cause);
        }
        finally
        {
            _depth--;
        }
    }

    /// <summary>The batch is written, and on disk when that was asked for.</summary>
    protected abstract void Written();

    /// <summary>The batch is not stored.</summary>
    protected abstract void Failed(JournalException cause);
}
