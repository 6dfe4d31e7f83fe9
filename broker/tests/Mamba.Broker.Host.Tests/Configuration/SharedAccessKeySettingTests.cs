using Mamba.Broker.Host.Configuration;
using Mamba.Broker.Host.Running;
using Mamba.Broker.Testing;

namespace Mamba.Broker.Host.Tests.Configuration;

/// <summary>Keys of tokens, from the configuration file to the server, and what is said of wrong ones; never the key itself.</summary>
[TestFixture]
internal sealed class SharedAccessKeySettingTests
{
    private const string Secret = "a-secret-of-enough-length";

    [Test]
    public void A_key_stands_for_the_user_of_its_name_unless_it_names_another()
    {
        var (options, problems) = Read($$"""{ "name": "app", "key": "{{Secret}}" }, { "name": "batch", "keyFile": "FOLDER/batch.key", "user": "nightly" }""");
        Assert.That(problems, Is.Empty);
        var keys = options.Security.SharedAccessKeys;
        Assert.That(keys.Select(static key => (key.Name, key.User)), Is.EqualTo(new (string, string?)[] { ("app", null), ("batch", "nightly") }));
    }

    [Test]
    public void The_server_gets_the_secret_of_the_setting_or_of_the_file()
    {
        using var folder = new TempDirectory();
        File.WriteAllText(folder["batch.key"], $"{Secret}\nanother line\n");
        var security = new SecurityOptions
        {
            SharedAccessKeys =
            [
                new SharedAccessKeyOptions { Name = "app", Key = Secret },
                new SharedAccessKeyOptions { Name = "batch", KeyFile = folder["batch.key"], User = "nightly" },
            ],
        };
        Assert.That(PermissionMapping.KeysOf(security).Select(static key => (key.Name, key.User)), Is.EqualTo(new[] { ("app", "app"), ("batch", "nightly") }));
        Assert.That(SharedAccessKeyChecks.SecretOf(security.SharedAccessKeys[1]), Is.EqualTo(Secret));
    }

    [TestCase("""{ "key": "SECRET" }""", "[0].name", "is missing")]
    [TestCase("""{ "name": "a", "key": "SECRET" }, { "name": "a", "key": "SECRET" }""", "[1].name", "\"a\" a second time")]
    [TestCase("""{ "name": "a" }""", "[0]", "has no key")]
    [TestCase("""{ "name": "a", "key": "SECRET", "keyFile": "FOLDER/batch.key" }""", "[0]", "has a key and a keyFile")]
    [TestCase("""{ "name": "a", "key": "too-short" }""", "[0].key", "fewer than 12 characters")]
    [TestCase("""{ "name": "a", "keyFile": "FOLDER/short.key" }""", "[0].keyFile", "fewer than 12 characters")]
    [TestCase("""{ "name": "a", "keyFile": "FOLDER/none.key" }""", "[0].keyFile", "cannot be read")]
    public void A_key_that_cannot_be_meant_is_reported_with_its_place(string keys, string where, string what)
    {
        var problem = Read(keys.Replace("SECRET", Secret, StringComparison.Ordinal)).Problems.Single();
        Assert.That(problem.Where, Does.Contain(where));
        Assert.That(problem.What, Does.Contain(what));
        Assert.That($"{problem.Where} {problem.What} {problem.Remedy}", Does.Not.Contain(Secret).And.Not.Contain("too-short"));
    }

    private static (BrokerOptions Options, IReadOnlyList<Problem> Problems) Read(string keys)
    {
        using var folder = new TempDirectory();
        File.WriteAllText(folder["batch.key"], Secret);
        File.WriteAllText(folder["short.key"], "too-short");
        return CheckedSettings.Read(folder, $$"""{ "security": { "sharedAccessKeys": [ {{keys.Replace("FOLDER", folder.FullPath, StringComparison.Ordinal)}} ] } }""");
    }
}
