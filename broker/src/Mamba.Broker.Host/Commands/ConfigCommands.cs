using Mamba.Broker.Host.Configuration;

namespace Mamba.Broker.Host.Commands;

internal static class ConfigCommands
{
    public static int Check(SettingLayers layers)
    {
        var checks = new StartupChecks(layers.Build(), layers);
        checks.CheckSettings();
        if (layers.Problems.Count > 0)
        {
            Console.Error.WriteLine(Problem.Report("The configuration is not right", layers.Problems));
            return ExitCode.Configuration;
        }

        Console.Out.WriteLine("The configuration is right.");
        return ExitCode.Success;
    }

    public static int PrintSchema()
    {
        Console.Out.Write(SchemaWriter.Write());
        return ExitCode.Success;
    }
}
