using System.Collections.Concurrent;
using System.Text;

namespace Mamba.Broker.Engine;

/// <summary>The windows of all addresses that have one. Thread-safe.</summary>
internal sealed class DuplicateRegistry(EngineContext context)
{
    private readonly ConcurrentDictionary<uint, DuplicateWindow> _windows = new();

    /// <summary>A window for a node; null when its settings ask for none.</summary>
    public DuplicateWindow? Open(uint node, NodeOptions options, bool durable)
    {
        if (options.Duplicates is null || options.IsDeadLetter)
        {
            return null;
        }

        var window = new DuplicateWindow(context, node, durable && options.Durable, options.Duplicates);
        _windows[node] = window;
        return window;
    }

    public void Close(DuplicateWindow? window)
    {
        if (window is not null && _windows.TryRemove(new KeyValuePair<uint, DuplicateWindow>(window.Node, window)))
        {
            window.Close();
        }
    }

    public void Restore(RecoveredIds recovered)
    {
        foreach (var (_, window) in _windows)
        {
            recovered.Restore(window);
        }
    }

    public void Trim()
    {
        foreach (var (_, window) in _windows)
        {
            window.Trim();
        }
    }

    /// <summary>
    /// The hash of a window's ids: keyed by the journal's number, which nobody outside knows, and by where the ids stand, so that
    /// what was remembered of one property is never taken for another's.
    /// </summary>
    public SipHash128 HashFor(string by)
    {
        var key = new SipHash128(context.Journal.Inner.Id, 0x4d61_6d62_612e_6964).Of(0, Encoding.UTF8.GetBytes(by));
        return new SipHash128((ulong)(key >> 64), (ulong)key);
    }

    /// <summary>Copies the ids that a segment holds and that are still remembered to the end of the journal.</summary>
    public async Task RelocateAsync(int segment, CancellationToken stop)
    {
        foreach (var (_, window) in _windows)
        {
            await new IdRelocation(context, window, segment).RunAsync(stop);
        }
    }
}
