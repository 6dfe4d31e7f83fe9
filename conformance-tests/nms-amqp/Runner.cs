namespace Mamba.NmsAmqp.Cases;

/// <summary>Runs a case on a thread of its own, bounded in time, and says how it went.</summary>
internal static class Runner
{
    private static readonly TimeSpan TimeForACase = TimeSpan.FromSeconds(60);

    public static async Task<bool> PassesAsync(Case one, Broker broker)
    {
        try
        {
            // The client's calls block: a thread of its own keeps one that hangs from holding up the others.
            var run = Task.Factory.StartNew(
                () => one.Body(broker), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            await run.WaitAsync(TimeForACase);
            Console.WriteLine($"ok   {one.Name}");
            return true;
        }
        catch (TimeoutException)
        {
            Console.WriteLine($"FAIL {one.Name}: expected an end within {TimeForACase.TotalSeconds} s, but it still runs");
        }
        catch (ExpectationException failure)
        {
            Console.WriteLine($"FAIL {one.Name}: {failure.Message}");
        }
        catch (Exception failure)
        {
            Console.WriteLine($"FAIL {one.Name}: {failure}");
        }

        return false;
    }
}
