using System.Runtime.InteropServices;

namespace Mamba.Tools.Bench.Measuring;

/// <summary>What a figure must be read against: machine, system, runtime and how busy the machine was.</summary>
public sealed record Conditions(string Machine, int Cores, double MemoryGigabytes, string System, string Kernel, string Runtime, string Version, string Load)
{
    public static Conditions OfThisMachine() => new(
        FirstValue("/proc/cpuinfo", "model name") ?? RuntimeInformation.ProcessArchitecture.ToString(),
        Environment.ProcessorCount,
        Math.Round(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (1024.0 * 1024 * 1024), 1),
        RuntimeInformation.OSDescription,
        Environment.OSVersion.Version.ToString(),
        RuntimeInformation.FrameworkDescription,
        typeof(Conditions).Assembly.GetName().Version?.ToString(3) ?? "unknown",
        LoadAverage());

    public override string ToString() =>
        $"{Machine}, {Cores} cores, {MemoryGigabytes} GiB; {System}, kernel {Kernel}; {Runtime}; mamba-bench {Version}; load {Load}";

    private static string LoadAverage() => File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "unknown";

    private static string? FirstValue(string file, string key)
    {
        if (!File.Exists(file))
        {
            return null;
        }

        foreach (var line in File.ReadLines(file))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0 && line.StartsWith(key, StringComparison.Ordinal))
            {
                return line[(colon + 1)..].Trim();
            }
        }

        return null;
    }
}
