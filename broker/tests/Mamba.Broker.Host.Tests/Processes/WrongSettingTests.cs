using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Mamba.Broker.Host.Tests.Security;
using Mamba.Broker.Testing;

namespace Mamba.Broker.Host.Tests.Processes;

/// <summary>Starts that must fail: each wrong setting is named as it was given, with what is wrong and the remedy; exit code 2.</summary>
[TestFixture]
internal sealed class WrongSettingTests
{
    private TempDirectory _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new TempDirectory();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public async Task All_wrong_settings_are_reported_at_once_each_by_its_source()
    {
        var file = Write("mamba.json", """
            {
              "limits": { "channelMax": 1000 },
              "tls": { "certificate": "/no/such.pem" }
            }
            """);
        var variables = new Dictionary<string, string>(StringComparer.Ordinal) { ["MAMBA__SECURITY__ANONYMOUS"] = "perhaps", ["MAMBA__CONFIG"] = file };
        var result = await FailAsync(["--amqp", "nowhere.invalid:5672", "--console", "off", "--set", "limits.linkCredit=many", "--data", _folder["data"]], variables);
        Assert.That(result.Errors, Does.StartWith("The broker did not start: 5 settings are wrong."));
        result.AssertNames("limits.channelMax (mamba.json, line 2)", "above the most it can be, 255", "between 0 and 255");
        result.AssertNames("tls.certificate (mamba.json, line 3)", "/no/such.pem, which does not exist", "file that is there");
        result.AssertNames("MAMBA__SECURITY__ANONYMOUS (environment variable)", "\"perhaps\"", "auto, true, false");
        result.AssertNames("--set limits.linkCredit", "\"many\", not a whole number", "1000");
        result.AssertNames("--amqp", "\"nowhere.invalid\", which has no address", "host name that resolves");
    }

    [TestCase("--frobnicate", "--frobnicate")]
    [TestCase("frobnicate", "frobnicate")]
    [TestCase("--amqp", "--amqp")]
    public async Task An_unknown_or_incomplete_option_is_named(string argument, string named)
    {
        var result = await FailAsync([argument]);
        Assert.That(result.Errors, Does.Contain(named).And.Contain("--help"));
    }

    [Test]
    public async Task A_configuration_file_that_is_not_there_is_named()
    {
        var result = await FailAsync([.. Local, "--config", _folder["none.json"]]);
        result.AssertNames("--config", _folder["none.json"], "readable JSON file");
    }

    [TestCase("security.management=users", "security.managementUsers (its default)", "is empty while security.management is users", "Name at least one user")]
    [TestCase("security.managementUsers=alice", "--set security.managementUsers", "names users while security.management is not users", "Set security.management to users")]
    public async Task Users_who_may_administer_are_named_when_and_only_when_they_are_asked_for(string setting, string where, string what, string remedy)
    {
        var result = await FailAsync([.. Local, "--set", setting]);
        result.AssertNames(where, what, remedy);
    }

    [TestCase("--amqp")]
    [TestCase("--console")]
    public async Task A_port_in_use_is_named(string option)
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var result = await FailAsync([.. Without(option), option, other.LocalEndpoint.ToString()!]);
        result.AssertNames(option, $"{other.LocalEndpoint}, a port that another process is using", "another port");
    }

    [Test]
    public async Task The_port_of_another_broker_is_named()
    {
        await using var other = await BrokerProcess.StartAsync(_folder["other"]);
        var result = await FailAsync([.. Without("--amqp"), "--amqp", other.Amqp.ToString()]);
        result.AssertNames("--amqp", $"{other.Amqp}, a port that another process is using", "another port");
    }

    [Test]
    public async Task One_port_for_two_listeners_is_named()
    {
        var result = await FailAsync(["--data", _folder["data"], "--amqp", "127.0.0.1:49151", "--console", "127.0.0.1:49151"]);
        result.AssertNames("--console", "the same as listeners.amqp", "port of its own");
    }

    [Test]
    public async Task An_address_of_another_machine_is_named()
    {
        var result = await FailAsync([.. Without("--amqp"), "--amqp", "192.0.2.1:5672"]);
        result.AssertNames("--amqp", "192.0.2.1:5672, an address that this machine does not have", "address of this machine");
    }

    [Test]
    public async Task A_broker_that_listens_nowhere_is_refused()
    {
        var result = await FailAsync(["--data", _folder["data"], "--amqp", "off", "--console", "off"]);
        result.AssertNames("--amqp", "nobody could connect", "HOST:PORT");
    }

    [TestCase("a-file")]
    [TestCase("a-file/below")]
    [TestCase("/proc/mamba")]
    public async Task A_data_directory_that_cannot_be_written_is_named(string path)
    {
        Write("a-file", "");
        var result = await FailAsync(["--amqp", "127.0.0.1:0", "--console", "off", "--data", _folder[path]]);
        result.AssertNames("--data", $"{_folder[path]}, which cannot be written", "may create and write");
    }

    [TestCase("--amqps")]
    [TestCase("--secure-console")]
    public async Task TLS_without_a_certificate_is_refused(string option)
    {
        var result = await FailAsync([.. Local, option, "127.0.0.1:0"]);
        result.AssertNames(option, "there is no certificate", "tls.certificate");
    }

    [TestCase("tls.certificateKey")]
    [TestCase("tls.certificatePasswordFile")]
    [TestCase("tls.clientCertificateAuthority")]
    public async Task TLS_settings_without_a_certificate_are_named(string key)
    {
        var result = await FailAsync([.. Local, "--set", $"{key}={Write("x.pem", "")}"]);
        result.AssertNames($"--set {key}", "without tls.certificate", "tls.certificate as well");
    }

    [Test]
    public async Task A_certificate_that_is_none_is_named()
    {
        var result = await FailAsync([.. Local, "--set", $"tls.certificate={Write("x.pem", "garbage")}"]);
        result.AssertNames("--set tls.certificate", "cannot be used as a certificate", "PEM certificate with its key");
    }

    [Test]
    public async Task A_key_of_another_certificate_is_named()
    {
        using var one = Certificates.SelfSigned("one");
        using var two = Certificates.SelfSigned("two");
        var result = await FailAsync([
            .. Local, "--set", $"tls.certificate={Write("one.pem", one.ExportCertificatePem())}", "--set", $"tls.certificateKey={Write("two.key", Certificates.KeyPem(two))}"]);
        result.AssertNames("--set tls.certificate", "cannot be used as a certificate", "tls.certificateKey");
    }

    [Test]
    public async Task An_expired_certificate_is_named()
    {
        using var old = Certificates.SelfSigned("old", expired: true);
        var result = await FailAsync([.. Local, "--set", $"tls.certificate={Write("old.pem", Certificates.Pem(old))}"]);
        result.AssertNames("--set tls.certificate", "expired on", "Renew");
    }

    [Test]
    public async Task A_PFX_file_that_does_not_open_is_named()
    {
        using var certificate = Certificates.SelfSigned("pfx");
        File.WriteAllBytes(_folder["x.pfx"], certificate.Export(X509ContentType.Pfx, "right"));
        var result = await FailAsync([
            .. Local, "--set", $"tls.certificate={_folder["x.pfx"]}", "--set", $"tls.certificatePasswordFile={Write("password", "canary-wrong\n")}"]);
        result.AssertNames("--set tls.certificate", "cannot be used", "tls.certificatePasswordFile");
        Assert.That(result.Errors, Does.Not.Contain("canary"));
    }

    [Test]
    public async Task A_client_authority_that_is_none_is_named()
    {
        using var certificate = Certificates.SelfSigned("broker");
        var result = await FailAsync([
            .. Local, "--set", $"tls.certificate={Write("x.pem", Certificates.Pem(certificate))}", "--set", $"tls.clientCertificateAuthority={Write("ca.pem", "garbage")}"]);
        result.AssertNames("--set tls.clientCertificateAuthority", "no PEM certificate", "CERTIFICATE");
    }

    [TestCase("--amqp", "0.0.0.0:0")]
    [TestCase("--amqp", "[::]:0")]
    [TestCase("--console", "0.0.0.0:0")]
    public async Task Other_machines_are_refused_while_nobody_could_be_authenticated(string option, string endpoint)
    {
        var result = await FailAsync([.. Without(option), option, endpoint, "--set", "listeners.allowUnencrypted=true"]);
        result.AssertNames(option, "other machines can reach, and there are no users", $"`mamba-broker user add NAME --data {_folder["data"]}` and set security.anonymous to false");
    }

    [Test]
    public async Task Other_machines_are_refused_while_anonymous_access_is_asked_for()
    {
        await AddUserAsync();
        var result = await FailAsync([
            .. Without("--amqp"), "--amqp", "0.0.0.0:0", "--set", "listeners.allowUnencrypted=true", "--set", "security.anonymous=true"]);
        result.AssertNames("--set security.anonymous", "true while other machines can reach listeners.amqp (0.0.0.0:0)", "Set security.anonymous to false");
    }

    [Test]
    public async Task Other_machines_are_refused_without_encryption_unless_it_is_waived()
    {
        await AddUserAsync();
        var result = await FailAsync([.. Without("--amqp"), "--amqp", "0.0.0.0:0"]);
        result.AssertNames("--amqp", "without encryption", "listeners.allowUnencrypted");
    }

    [Test]
    public async Task A_broker_that_nobody_can_log_in_to_is_refused()
    {
        var result = await FailAsync([.. Local, "--set", "security.anonymous=false", "--set", "security.mechanisms="]);
        result.AssertNames("--set security.mechanisms", "nobody could log in", "SCRAM-SHA-256");
    }

    [Test]
    public async Task Credentials_that_others_can_read_are_refused()
    {
        await AddUserAsync();
        Certificates.Chmod(_folder["data/users.json"], "644");
        var result = await FailAsync(Local);
        result.AssertNames("--data", "credential file that cannot be used", $"chmod 600 {_folder["data/users.json"]}");
    }

    [TestCase("{}")]
    [TestCase("not json")]
    [TestCase("""{ "version": 9, "secret": "", "users": [] }""")]
    [TestCase("""{ "version": 1, "secret": "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "users": [{ "name": "x", "created": "2026-01-01T00:00:00Z", "scram": [{ "mechanism": "SCRAM-SHA-256", "iterations": 1, "salt": "", "storedKey": "", "serverKey": "" }] }] }""")]
    public async Task Credentials_that_are_damaged_are_refused(string content)
    {
        Directory.CreateDirectory(_folder["data"]);
        Certificates.Chmod(Write("data/users.json", content), "600");
        var result = await FailAsync(Local);
        result.AssertNames("--data", "credential file that cannot be used", _folder["data/users.json"]);
    }

    [TestCase("""[{ "kind": "queue" }]""", "[0].pattern", "is missing", "orders.*")]
    [TestCase("""[{ "pattern": "a.b*" }]""", "[0].pattern", "no pattern", "orders.*")]
    [TestCase("""[{ "pattern": "#.a" }]""", "[0].pattern", "no pattern", "orders.#")]
    [TestCase("""[{ "pattern": "a" }, { "pattern": "a" }]""", "[1].pattern", "a second time", "Remove one")]
    [TestCase("""[{ "pattern": "a", "overflow": "dropHead" }]""", "[0].overflow", "there is none", "maxLength")]
    [TestCase("""[{ "pattern": "a", "maxLength": 5, "deadLetterDropped": true }]""", "[0].deadLetterDropped", "none are", "dropHead")]
    [TestCase("""[{ "pattern": "a", "retry": { "delay": "10 s", "maxDelay": "5 s" } }]""", "[0].retry.maxDelay", "is 5 s, shorter than the first wait (10 s)", "delay or more")]
    [TestCase("""[{ "pattern": "a", "duplicates": true }]""", "[0].duplicates", "is not an object", "with settings inside")]
    [TestCase("""[{ "pattern": "a", "duplicates": { "window": 0 } }]""", "[0].duplicates.window", "below the least", "1000000")]
    [TestCase("""[{ "pattern": "a", "duplicates": { "time": "1 ms" } }]""", "[0].duplicates.time", "below the least", "between")]
    [TestCase("""[{ "pattern": "a", "duplicates": { "windows": 5 } }]""", "[0].duplicates.windows", "not a setting", "Did you mean window?")]
    public async Task Address_rules_that_cannot_be_are_named(string rules, string where, string what, string remedy)
    {
        var result = await FailAsync([.. Local, "--set", $"addresses.rules={rules}"]);
        result.AssertNames($"--set addresses.rules, {where}", what, remedy);
    }

    [TestCase("""[{ "pattern": "a", "target": "b" }]""", ", [0].name", "is missing", "audit")]
    [TestCase("""[{ "name": "a", "target": "b" }]""", ", [0].pattern", "is missing", "orders.#")]
    [TestCase("""[{ "name": "a", "pattern": "#.b", "target": "b" }]""", ", [0].pattern", "no pattern", "orders.#")]
    [TestCase("""[{ "name": "a", "pattern": "a" }]""", ", [0].target", "is missing", "audit.orders")]
    [TestCase("""[{ "name": "a", "pattern": "a", "target": "b.*" }]""", ", [0].target", "cannot be a target", "one queue or topic")]
    [TestCase("""[{ "name": "a", "pattern": "a", "target": "b", "selector": "amount >" }]""", ", [0].selector", "cannot be understood", "amount > 1000")]
    [TestCase("""[{ "name": "1", "pattern": "a", "target": "b" }, { "name": "2", "pattern": "b", "target": "a" }]""", "", "messages would go round: 'b' (1) -> 'a' (2) -> 'b' (1)", "selector")]
    [TestCase("""[{ "name": "1", "pattern": "a", "target": "b" }, { "name": "1", "pattern": "c", "target": "d" }]""", "", "two diverts named '1'", "selector")]
    public async Task Diverts_that_cannot_be_are_named(string diverts, string where, string what, string remedy)
    {
        var result = await FailAsync([.. Local, "--set", $"addresses.diverts={diverts}"]);
        result.AssertNames($"--set addresses.diverts{where}", what, remedy);
    }

    [Test]
    public async Task Config_check_reports_like_a_start_and_takes_nothing()
    {
        var file = Write("mamba.json", $$"""{ "limits": { "channelMax": -1 }, "storage": { "directory": "{{_folder["data"]}}" } }""");
        var wrong = await FailAsync(["config", "check", "--config", file]);
        Assert.That(wrong.Errors, Does.StartWith("The configuration is not right: one setting is wrong."));
        wrong.AssertNames("limits.channelMax (mamba.json, line 1)", "below the least it can be, 0", "between 0 and 255");

        await using var right = await BrokerProcess.RunAsync(["config", "check", "--config", Write("right.json", "{}"), "--set", $"storage.directory={_folder["data"]}"]);
        Assert.That((right.ExitCode, right.Output), Is.EqualTo((0, "The configuration is right.\n")), right.Errors);
        Assert.That(Directory.Exists(_folder["data"]), Is.False);
    }

    private string[] Local => ["--amqp", "127.0.0.1:0", "--console", "127.0.0.1:0", "--data", _folder["data"]];

    private string[] Without(string option) =>
        string.Equals(option, "--amqp", StringComparison.Ordinal) ? ["--console", "127.0.0.1:0", "--data", _folder["data"]] : ["--amqp", "127.0.0.1:0", "--data", _folder["data"]];

    private static async Task<FailedStart> FailAsync(string[] arguments, IReadOnlyDictionary<string, string>? variables = null)
    {
        await using var process = await BrokerProcess.RunAsync(arguments, variables);
        Assert.That(process.ExitCode, Is.EqualTo(2), process.Errors);
        Assert.That(process.Output, Is.Empty);
        Assert.That(process.Errors, Does.Not.Contain("   at "), "no stack trace");
        return new FailedStart(process.Errors);
    }

    private string Write(string name, string content)
    {
        File.WriteAllText(_folder[name], content);
        return _folder[name];
    }

    private async Task AddUserAsync()
    {
        await using var add = await BrokerProcess.RunAsync(["user", "add", "alice", "--data", _folder["data"]], input: "secret\n");
        Assert.That(add.ExitCode, Is.Zero, add.Errors);
    }

    /// <summary>The report of a start that failed.</summary>
    private sealed record FailedStart(string Errors)
    {
        /// <summary>One entry of the report has all three, in its three lines.</summary>
        public void AssertNames(string where, string what, string remedy)
        {
            var entries = Errors.Split("\n\n").Select(e => e.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)).Where(e => e.Length == 3);
            Assert.That(
                entries.Any(e => string.Equals(e[0], where, StringComparison.Ordinal) && e[1].Contains(what, StringComparison.Ordinal)
                    && e[2].StartsWith("-> ", StringComparison.Ordinal) && e[2].Contains(remedy, StringComparison.Ordinal)),
                Is.True, $"no entry with \"{where}\", \"{what}\" and \"{remedy}\" in:\n{Errors}");
        }
    }
}
