using Mamba.Tools.Bench.Checking;
using Mamba.Tools.Bench.Measuring;

namespace Mamba.Tools.Bench.Load;

/// <summary>
/// Sends each message when it is due, whatever the broker does: an open loop. A message that leaves late counts as late,
/// because its stamp says when it was due. One thread for all senders.
/// </summary>
internal sealed class Pacer(IReadOnlyList<SenderLoad> senders, Failures failures, CancellationToken stop)
{
    // While a sender lacks credit it is overdue all the time: look again after so long.
    private const long Recheck = 200_000;

    public void Start() => new Thread(Run) { IsBackground = true, Name = "pacer" }.Start();

    private void Run()
    {
        Clock.BePrecise();
        while (!stop.IsCancellationRequested && !failures.Any && !senders.All(s => s.Done.IsCompleted))
        {
            var now = Clock.Now();
            var next = long.MaxValue;
            foreach (var sender in senders)
            {
                if (!sender.Done.IsCompleted)
                {
                    sender.Pump(now);
                    next = Math.Min(next, sender.NextDue);
                }
            }

            Clock.WaitUntil(Math.Min(Math.Max(next, now + Recheck / 10), now + 50 * Recheck));
        }
    }
}
