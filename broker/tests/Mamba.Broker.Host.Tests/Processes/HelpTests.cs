using Mamba.Broker.Host.Configuration;
using Mamba.Broker.Testing;

namespace Mamba.Broker.Host.Tests.Processes;

[TestFixture]
internal sealed class HelpTests
{
    [Test]
    public async Task Help_shows_every_option_with_its_default_and_every_command()
    {
        await using var help = await BrokerProcess.RunAsync(["--help"]);
        Assert.That(help.ExitCode, Is.Zero);
        foreach (var part in new[] { "--config <FILE>", "--amqp <HOST:PORT>", "Default: 127.0.0.1:5672.", "--data <DIR>", "--set <KEY=VALUE>", "user ", "config ", "the later one holds" })
        {
            Assert.That(help.Output, Does.Contain(part));
        }
    }

    [Test]
    public async Task The_version_is_one_line()
    {
        await using var version = await BrokerProcess.RunAsync(["--version"]);
        Assert.That((version.ExitCode, version.Output), Is.EqualTo((0, "mamba-broker 0.1.0\n")));
    }

    [Test]
    public async Task The_schema_is_printed()
    {
        await using var schema = await BrokerProcess.RunAsync(["config", "schema"]);
        Assert.That((schema.ExitCode, schema.Output), Is.EqualTo((0, SchemaWriter.Write())));
    }
}
