using Mamba.Amqp.Sasl;

namespace Mamba.Broker.Server.Security;

/// <summary>
/// Checks PLAIN passwords against SCRAM keys. One check is a key derivation of some hundred milliseconds, so they run on
/// threads of their own, at most two per core at a time, and when <see cref="QueueLength"/> more are waiting the next is
/// turned away: a flood of log-ins can neither starve the pool nor pile up. Thread-safe.
/// </summary>
public sealed class PasswordVerifier : IDisposable
{
    /// <summary>Checks that may wait for their turn.</summary>
    public const int QueueLength = 100;

    private readonly SemaphoreSlim _running = new(Concurrency, Concurrency);
    private int _admitted;

    /// <summary>Checks that run at the same time.</summary>
    public static int Concurrency { get; } = 2 * Environment.ProcessorCount;

    /// <summary>Checks that are running or waiting.</summary>
    public int Admitted => Volatile.Read(ref _admitted);

    /// <summary>Whether the password is right; null when too many checks are waiting already.</summary>
    public async ValueTask<bool?> VerifyAsync(ScramCredential credential, string password, CancellationToken cancellationToken)
    {
        if (Interlocked.Increment(ref _admitted) > Concurrency + QueueLength)
        {
            Interlocked.Decrement(ref _admitted);
            return null;
        }

        try
        {
            await _running.WaitAsync(cancellationToken);
            try
            {
                return await Task.Factory.StartNew(
                    () => credential.Verify(password), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            }
            finally
            {
                _running.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _admitted);
        }
    }

    public void Dispose() => _running.Dispose();
}
