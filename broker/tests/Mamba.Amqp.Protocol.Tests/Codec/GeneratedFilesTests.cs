using Mamba.Amqp.SpecGenerator;
using Mamba.Broker.Testing;

namespace Mamba.Amqp.Tests.Codec;

/// <summary>The checked-in generated files are what the generator makes of the specification.</summary>
public sealed class GeneratedFilesTests
{
    private const string Remedy =
        "The XML of the AMQP 1.0 specification is not here. Put it there from the root of the repository:\n"
        + "  mkdir -p tools/.spec && npm pack amqp10@3.6.0 --pack-destination tools/.spec\n"
        + "  tar -xzf tools/.spec/amqp10-3.6.0.tgz -C tools/.spec --strip-components=2 package/resources\n"
        + "or name its folder in the environment variable MAMBA_SPEC.";

    [Test]
    public void AreWhatTheGeneratorMakes()
    {
        var project = Path.Combine(Repository.Root, "broker", "src", "Mamba.Amqp.Protocol");
        var expected = Generator.Generate(SpecFolder());
        var present = Directory.GetFiles(Path.Combine(project, "Generated"), "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(project, path).Replace('\\', '/'));
        Assert.That(present, Is.EquivalentTo(expected.Keys), "the files under Generated/; run the generator, see the head of any of them");
        using (Assert.EnterMultipleScope())
        {
            foreach (var (path, text) in expected)
            {
                var found = File.ReadAllText(Path.Combine(project, path));
                Assert.That(found == text, Is.True, $"{path} differs from what the generator makes; run it, see the head of the file");
            }
        }
    }

    private static string SpecFolder()
    {
        var folder = Environment.GetEnvironmentVariable("MAMBA_SPEC") ?? Path.Combine(Repository.Root, "tools", ".spec");
        Assert.That(File.Exists(Path.Combine(folder, "transport.xml")), Is.True, $"{folder}: {Remedy}");
        return folder;
    }
}
