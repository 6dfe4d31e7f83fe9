namespace Mamba.Tools.Bench.Scenarios;

/// <summary>What links that share a connection may take of its limits.</summary>
internal static class Shares
{
    // Unsettled messages of one connection that no broker refuses.
    private const int PerConnection = 10_000;

    /// <summary>The window or credit asked for, or less when so many links of one connection have it.</summary>
    public static int PerLink(int wanted, int links) => Math.Max(1, Math.Min(wanted, PerConnection / links));
}
