using System.Globalization;
using System.Text;

namespace Mamba.Tools.Bench.Measuring;

/// <summary>CPU time and resident memory of one or more processes, their sums, as /proc tells them. Linux only.</summary>
public sealed class ProcessMeter
{
    private const double TicksPerSecond = 100; // USER_HZ, the same on every Linux that .NET runs on

    private readonly int[] _ids;

    private ProcessMeter(int[] ids) => _ids = ids;

    /// <summary>Throws <see cref="ArgumentException"/> when the text is no list of process ids joined by commas, or one is not running.</summary>
    public static ProcessMeter Parse(string ids)
    {
        var numbers = new List<int>();
        foreach (var word in ids.Split(',', StringSplitOptions.TrimEntries))
        {
            if (!int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var id) || !Directory.Exists($"/proc/{id}"))
            {
                throw new ArgumentException($"--broker-pid: '{word}' is no running process; give process ids joined by commas.", nameof(ids));
            }

            numbers.Add(id);
        }

        return new ProcessMeter([.. numbers]);
    }

    /// <summary>User and system CPU time so far, in seconds, with a resolution of 10 ms. A process that has ended counts as 0.</summary>
    public double CpuSeconds()
    {
        double sum = 0;
        foreach (var id in _ids)
        {
            sum += CpuTicks(ReadOrEmpty($"/proc/{id}/stat")) / TicksPerSecond;
        }

        return sum;
    }

    /// <summary>Resident memory now, in MiB.</summary>
    public double ResidentMegabytes() => SumOfStatus("VmRSS:");

    /// <summary>The highest resident memory since <see cref="ForgetPeak"/>, or since the processes began, in MiB.</summary>
    public double PeakMegabytes() => SumOfStatus("VmHWM:");

    /// <summary>Begins the peak anew, where the kernel allows it (same user).</summary>
    public void ForgetPeak()
    {
        foreach (var id in _ids)
        {
            try
            {
                File.WriteAllText($"/proc/{id}/clear_refs", "5");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Console.Error.WriteLine($"bench: the peak memory of process {id} counts from its start: {e.Message}");
            }
        }
    }

    /// <summary>Fields 14 (utime) and 15 (stime) of /proc/PID/stat; the name in field 2 may hold spaces, so they count from its end.</summary>
    internal static long CpuTicks(string stat)
    {
        var end = stat.LastIndexOf(')');
        if (end < 0)
        {
            return 0;
        }

        var fields = stat[(end + 2)..].Split(' ');
        return long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture);
    }

    private double SumOfStatus(string field)
    {
        double kibibytes = 0;
        foreach (var id in _ids)
        {
            foreach (var line in ReadOrEmpty($"/proc/{id}/status").Split('\n'))
            {
                if (line.StartsWith(field, StringComparison.Ordinal))
                {
                    kibibytes += double.Parse(line.AsSpan(field.Length).Trim().TrimEnd("kB").Trim(), CultureInfo.InvariantCulture);
                }
            }
        }

        return kibibytes / 1024;
    }

    private static string ReadOrEmpty(string path)
    {
        try
        {
            return File.ReadAllText(path, Encoding.UTF8);
        }
        catch (IOException)
        {
            return "";
        }
    }
}
