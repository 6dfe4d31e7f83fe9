using System.Text.Json;
using Mamba.Broker.Host.Configuration;
using Tree = Mamba.Broker.Testing.Repository;

namespace Mamba.Broker.Host.Tests.Configuration;

[TestFixture]
internal sealed class SchemaTests
{
    [Test]
    public void The_checked_in_schema_is_the_one_of_the_options() =>
        Assert.That(File.ReadAllText(Path.Combine(Tree.Root, "broker/src/Mamba.Broker.Host/mamba.schema.json")), Is.EqualTo(SchemaWriter.Write()),
            "write it anew: mamba-broker config schema > broker/src/Mamba.Broker.Host/mamba.schema.json");

    [Test]
    public void The_schema_describes_every_setting_and_nothing_else()
    {
        using var schema = JsonDocument.Parse(SchemaWriter.Write());
        var keys = from section in Properties(schema.RootElement)
                   where section.Value.TryGetProperty("properties", out _)
                   from setting in Properties(section.Value)
                   select $"{section.Name}.{setting.Name}";
        Assert.That(keys, Is.EqualTo(SettingDescriptor.All.Select(s => s.Key)));
    }

    [Test]
    public void Every_setting_says_what_it_does()
    {
        foreach (var setting in SettingDescriptor.All.SelectMany(s => s.Children.Prepend(s)))
        {
            Assert.That(setting.Attribute.Description, Does.EndWith("."), setting.Key);
        }
    }

    private static IEnumerable<JsonProperty> Properties(JsonElement element) => element.GetProperty("properties").EnumerateObject();
}
