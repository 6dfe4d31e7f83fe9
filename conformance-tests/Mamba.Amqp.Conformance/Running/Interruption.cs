using System.Runtime.InteropServices;

namespace Mamba.Tools;

/// <summary>
/// Ctrl-C and SIGTERM, for tools that have something to say when they are ended: the first asks for an end in order, the second ends
/// the process at once, as it would without this.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly PosixSignalRegistration[] _signals;
    private readonly string _announcement;
    private int _exitCode;

    /// <param name="announcement">What to tell at the first.</param>
    public Interruption(string announcement)
    {
        _announcement = announcement;
        _signals = [Take(PosixSignal.SIGINT, 130), Take(PosixSignal.SIGTERM, 143)];
    }

    /// <summary>Cancelled at the first.</summary>
    public CancellationToken Token => _stop.Token;

    /// <summary>What a process that was ended so exits with, by convention 128 and the signal's number; null when it was not.</summary>
    public int? ExitCode => Volatile.Read(ref _exitCode) is not 0 and var code ? code : null;

    public void Dispose()
    {
        foreach (var signal in _signals)
        {
            signal.Dispose();
        }

        _stop.Dispose();
    }

    private PosixSignalRegistration Take(PosixSignal signal, int exitCode) => PosixSignalRegistration.Create(signal, context =>
    {
        if (Interlocked.CompareExchange(ref _exitCode, exitCode, 0) != 0)
        {
            return;
        }

        context.Cancel = true;
        Console.Error.WriteLine(_announcement);
        _ = _stop.CancelAsync();
    });
}
