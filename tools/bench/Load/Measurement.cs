using Mamba.Tools.Bench.Measuring;

namespace Mamba.Tools.Bench.Load;

/// <summary>
/// The measured part of a run: begins with the first message behind the warm-up, when the CPU meters are read for the first
/// time, and ends with the run. Thread-safe.
/// </summary>
internal sealed class Measurement(ProcessMeter? broker)
{
    private readonly Lock _gate = new();
    private double _brokerCpu;
    private double _clientCpu;
    private (double Broker, double Client)? _spent;
    private long _began;

    /// <summary>When it began, in nanoseconds of <see cref="Clock"/>; 0 before.</summary>
    public long Began => Interlocked.Read(ref _began);

    public void Begin(long now)
    {
        if (Began != 0)
        {
            return;
        }

        lock (_gate)
        {
            if (_began == 0)
            {
                _brokerCpu = broker?.CpuSeconds() ?? 0;
                _clientCpu = ClientCpu();
                Interlocked.Exchange(ref _began, now);
            }
        }
    }

    /// <summary>Ends it before the run ends: what follows is not measured.</summary>
    public void End()
    {
        var spent = Spent();
        lock (_gate)
        {
            _spent ??= spent;
        }
    }

    /// <summary>CPU seconds of the broker and of this process from its begin to its end, or until now; nothing when it has not begun.</summary>
    public (double Broker, double Client) Spent()
    {
        lock (_gate)
        {
            return _spent ?? (_began == 0 ? default : ((broker?.CpuSeconds() ?? 0) - _brokerCpu, ClientCpu() - _clientCpu));
        }
    }

    private static double ClientCpu() => Environment.CpuUsage.TotalTime.TotalSeconds;
}
