using System.Runtime.InteropServices;

namespace Mamba.Broker.Engine;

/// <summary>
/// The ids that the journal knows of each address, gathered at start. Never more than twice what the largest window holds: beyond
/// that the older ones are dropped. Single-threaded.
/// </summary>
/// <param name="largestWindow">The largest window that any address may have; 0 when there are none, and nothing is gathered.</param>
internal sealed class RecoveredIds(int largestWindow)
{
    private readonly Dictionary<uint, List<KnownId>> _ids = [];

    public void Add(uint node, in KnownId id)
    {
        if (largestWindow == 0)
        {
            return;
        }

        ref var list = ref CollectionsMarshal.GetValueRefOrAddDefault(_ids, node, out _);
        list ??= [];
        list.Add(id);
        if (list.Count >= 2 * (long)largestWindow)
        {
            Arrange(list, largestWindow);
        }
    }

    /// <summary>Puts what there is of a window back into it.</summary>
    public void Restore(DuplicateWindow window)
    {
        if (_ids.Remove(window.Node, out var list))
        {
            Arrange(list, list.Count);
            window.Restore(CollectionsMarshal.AsSpan(list));
        }
    }

    /// <summary>In order, each once, the last <paramref name="keep"/> of them.</summary>
    private static void Arrange(List<KnownId> list, int keep)
    {
        var ids = CollectionsMarshal.AsSpan(list);
        if (!IsInOrder(ids))
        {
            // Of two copies the one in the later segment holds: the other segment goes first.
            ids.Sort(static (left, right) => left.Sequence != right.Sequence ? left.Sequence.CompareTo(right.Sequence) : left.Segment.CompareTo(right.Segment));
            var count = 0;
            for (var i = 0; i < ids.Length; i++)
            {
                if (i + 1 == ids.Length || ids[i + 1].Sequence != ids[i].Sequence)
                {
                    ids[count++] = ids[i];
                }
            }

            list.RemoveRange(count, list.Count - count);
        }

        list.RemoveRange(0, Math.Max(0, list.Count - keep));
    }

    private static bool IsInOrder(ReadOnlySpan<KnownId> ids)
    {
        for (var i = 1; i < ids.Length; i++)
        {
            if (ids[i].Sequence <= ids[i - 1].Sequence)
            {
                return false;
            }
        }

        return true;
    }
}
