using Mamba.Broker.Host.Configuration;
using Mamba.Broker.Testing;

namespace Mamba.Broker.Host.Tests.Configuration;

/// <summary>Settings as a start reads and checks them, from a file in a folder.</summary>
internal static class CheckedSettings
{
    public static (BrokerOptions Options, IReadOnlyList<Problem> Problems) Read(TempDirectory folder, string json)
    {
        File.WriteAllText(folder["mamba.json"], json);
        var layers = new SettingLayers();
        layers.AddFile(folder["mamba.json"]);
        layers.AddAssignment($"storage.directory={folder["data"]}");
        layers.AddAssignment("listeners.amqp=127.0.0.1:0");
        layers.AddAssignment("listeners.console=off");
        var options = layers.Build();
        new StartupChecks(options, layers).CheckSettings();
        return (options, layers.Problems);
    }
}
