using Mamba.Tools.Model.Sequences;

namespace Mamba.Tools.Model.Running;

/// <summary>
/// Takes operations out of a failing sequence as long as it still fails (Zeller's ddmin): halves first, then smaller and smaller
/// parts, each tried by playing what is left.
/// </summary>
internal static class Shrinker
{
    /// <param name="failing">A sequence that fails.</param>
    /// <param name="fails">Plays a sequence; true when it fails.</param>
    /// <param name="budget">Most sequences to play.</param>
    /// <returns>The smallest failing sequence found.</returns>
    public static async Task<IReadOnlyList<Operation>> ShrinkAsync(
        IReadOnlyList<Operation> failing, Func<IReadOnlyList<Operation>, Task<bool>> fails, int budget = 400)
    {
        var best = failing;
        for (var size = Math.Max(1, best.Count / 2); budget > 0;)
        {
            var before = best.Count;
            for (var start = 0; start < best.Count && budget > 0;)
            {
                IReadOnlyList<Operation> candidate = [.. best.Take(start), .. best.Skip(start + size)];
                budget--;
                if (await fails(candidate))
                {
                    best = candidate;
                }
                else
                {
                    start += size;
                }
            }

            if (size == 1 && best.Count == before)
            {
                break;
            }

            size = Math.Max(1, size / 2);
        }

        return best;
    }
}
