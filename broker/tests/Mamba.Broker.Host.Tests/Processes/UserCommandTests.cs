using Mamba.Amqp.Sasl;
using Mamba.Broker.Host.Tests.Security;
using Mamba.Broker.Server.Security;
using Mamba.Broker.Testing;

namespace Mamba.Broker.Host.Tests.Processes;

[TestFixture]
internal sealed class UserCommandTests
{
    private TempDirectory _folder = null!;

    private string Data => _folder["data"];

    [SetUp]
    public void CreateFolder() => _folder = new TempDirectory();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public async Task Users_are_added_listed_given_a_new_password_and_removed()
    {
        await ExpectAsync(["user", "list"], "", "");
        await ExpectAsync(["user", "add", "bob"], "first\n", "bob was added.\n");
        await ExpectAsync(["user", "add", "alice"], "canary-secret\n", "alice was added.\n");
        await ExpectAsync(["user", "add", "bob"], "second", "bob has a new password.\n");

        await using var list = await RunAsync(["user", "list"]);
        Assert.That(list.Output.Split('\n').Select(l => l.Split('\t')[0]), Is.EqualTo(new[] { "alice", "bob", "" }));

        var file = CredentialFile.Load(Path.Combine(Data, "users.json"));
        Assert.That(file.Find("bob", ScramHash.Sha256).Verify("second"), Is.True);
        Assert.That(file.Find("bob", ScramHash.Sha256).Verify("first"), Is.False);

        await ExpectAsync(["user", "remove", "bob"], "", "bob was removed.\n");
        Assert.That(CredentialFile.Load(Path.Combine(Data, "users.json")).Names, Is.EqualTo(new[] { "alice" }));
    }

    [Test]
    public async Task The_store_holds_keys_and_no_password_and_only_the_owner_may_read_it()
    {
        await ExpectAsync(["user", "add", "alice"], "canary-secret\n", "alice was added.\n");
        var path = Path.Combine(Data, "users.json");
        Assert.That(File.ReadAllText(path), Does.Not.Contain("canary").And.Contain("SCRAM-SHA-512").And.Contain("600000"));
        Assert.That((Certificates.Mode(path), Certificates.Mode(Data)), Is.EqualTo(("600", "700")));
        Assert.That(Directory.EnumerateFiles(Data).Select(Path.GetFileName), Is.EquivalentTo(new[] { "users.json", "users.lock" }), "nothing half-written is left");
    }

    [TestCase("", "1 to 1024 characters")]
    [TestCase("\n", "1 to 1024 characters")]
    [TestCase("a\u0007b\n", "control character")]
    public async Task A_password_that_cannot_be_is_refused(string input, string because)
    {
        await using var add = await RunAsync(["user", "add", "alice"], input);
        Assert.That(add.ExitCode, Is.EqualTo(2));
        Assert.That(add.Errors, Does.Contain(because));
        Assert.That(File.Exists(Path.Combine(Data, "users.json")), Is.False);
    }

    [Test]
    public async Task A_name_that_cannot_be_is_refused()
    {
        await using var add = await RunAsync(["user", "add", new string('x', 256)], "secret\n");
        Assert.That((add.ExitCode, add.Errors), Is.EqualTo((2, "mamba-broker: The name must have 1 to 255 characters and no control characters.\n")));
    }

    [Test]
    public async Task Removing_nobody_says_so()
    {
        await using var remove = await RunAsync(["user", "remove", "nobody"]);
        Assert.That(remove.ExitCode, Is.EqualTo(2));
        Assert.That(remove.Errors, Does.Contain("There is no user nobody").And.Contain("user list"));
    }

    [Test]
    public async Task The_password_cannot_be_given_on_the_command_line()
    {
        await using var add = await RunAsync(["user", "add", "alice", "secret"], "other\n");
        Assert.That(add.ExitCode, Is.EqualTo(2));
        Assert.That(File.Exists(Path.Combine(Data, "users.json")), Is.False);
    }

    private async Task ExpectAsync(string[] arguments, string input, string output)
    {
        await using var process = await RunAsync(arguments, input);
        Assert.That((process.ExitCode, process.Output), Is.EqualTo((0, output)), process.Errors);
    }

    private Task<BrokerProcess> RunAsync(string[] arguments, string input = "") => BrokerProcess.RunAsync([.. arguments, "--data", Data], input: input);
}
