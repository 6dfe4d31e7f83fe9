using Mamba.Broker.Engine;
using Mamba.Broker.Host.Configuration;
using Mamba.Broker.Host.Running;

namespace Mamba.Broker.Host.Commands;

/// <summary>Starts the broker and runs it until it is told to stop.</summary>
internal static class RunCommand
{
    public static async Task<int> RunAsync(SettingLayers layers)
    {
        var options = layers.Build();
        var checks = new StartupChecks(options, layers);
        checks.CheckSettings();
        checks.CheckPorts();
        using var data = checks.TakeDataDirectory();
        if (layers.Problems.Count > 0)
        {
            await Console.Error.WriteLineAsync(Problem.Report("The broker did not start", layers.Problems));
            return ExitCode.Configuration;
        }

        try
        {
            return await BrokerHost.RunAsync(new BrokerSetup(options, checks.Endpoints, data!, checks.AllowsAnonymous));
        }
        catch (Exception e) when (e is IOException or EngineException)
        {
            await Console.Error.WriteLineAsync($"mamba-broker: {e.Message}");
            return ExitCode.Runtime;
        }
        catch (Exception e)
        {
            // Nothing that a setting or the machine explains: whoever mends it needs the whole of it.
            await Console.Error.WriteLineAsync($"mamba-broker failed unexpectedly: {e}");
            return ExitCode.Runtime;
        }
    }
}
