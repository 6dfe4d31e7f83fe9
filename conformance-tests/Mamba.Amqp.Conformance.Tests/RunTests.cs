using System.Diagnostics;
using System.Text;
using Mamba.Amqp.Conformance.Reporting;
using Mamba.Amqp.Conformance.Running;
using Mamba.Broker.Testing;

namespace Mamba.Amqp.Conformance.Tests;

/// <summary>The suite as a tool: what it says, and exits with, when it is told wrong things, finds no broker, loses it, or is ended.</summary>
public sealed class RunTests
{
    private const int HangGuard = 120_000;

    [TestCase("--uri 127.0.0.1:5672", "amqp://host:port")]
    [TestCase("--uri amqps://localhost", "does not speak TLS")]
    [TestCase("--url amqp://localhost", "Unrecognized command or argument '--url'")]
    [TestCase("--filter NOSUCH", "no case's id or part begins so")]
    [TestCase("--patience 0", "0.1 to 3600 seconds")]
    [TestCase("--patience soon", "Cannot parse argument 'soon'")]
    [TestCase("--parallel 0", "1 to 256 cases")]
    [TestCase("--adapter kafka", "plain and rabbitmq")]
    [TestCase("--ws http://localhost", "ws://host:port/path")]
    [TestCase("--admin localhost", "http://user:password@host:port")]
    [TestCase("--queue-address {1}", "queue://{0}")]
    [TestCase("compare", "Required argument missing")]
    [TestCase("compare /no/such.json", "/no/such.json cannot be read as results")]
    [CancelAfter(HangGuard)]
    public async Task A_wrong_command_line_is_refused_with_what_is_right(string arguments, string said, CancellationToken guard)
    {
        using var process = Start(arguments.Split(' '));
        var errors = await process.StandardError.ReadToEndAsync(guard);
        await process.WaitForExitAsync(guard);
        Assert.That((process.ExitCode, errors), Is.EqualTo((ExitCodes.Usage, errors)));
        Assert.That(errors, Does.Contain(said).And.Not.Contain("   at "));
    }

    [TestCase("HTTP/1.1 400 Bad Request\r\n\r\n", "An HTTP server answers there")]
    [TestCase("\u0015\u0003\u0003\0\u0002\u0002F", "A TLS server answers there")]
    [TestCase("AMQP\0\0\u0009\u0001", "an older AMQP")]
    [TestCase("AMQP\0\u0001\0\0", "does not take a SASL login")]
    [TestCase("SSH-2.0-server\r\n", "does not speak AMQP")]
    [TestCase("", "closed the connection")]
    public async Task What_is_no_broker_is_named(string words, string said)
    {
        await using var peer = new HandmadeBroker(Encoding.Latin1.GetBytes(words));
        var (code, _, errors) = await RunAsync(new SuiteSettings(peer.Target) { Patience = TimeSpan.FromSeconds(60) });
        Assert.That((code, errors), Is.EqualTo((ExitCodes.NoBroker, errors)));
        Assert.That(errors, Does.Contain("cannot be tested").And.Contain(said));
    }

    [Test]
    public async Task A_port_that_says_nothing_is_given_up()
    {
        await using var peer = new HandmadeBroker([], answered: 0, thenSilent: true);
        var (code, _, errors) = await RunAsync(new SuiteSettings(peer.Target) { Patience = TimeSpan.FromMilliseconds(200) });
        Assert.That(code, Is.EqualTo(ExitCodes.NoBroker));
        Assert.That(errors, Does.Contain("cannot be tested").And.Contain("within 0.2 s"));
    }

    [Test]
    public async Task A_login_that_is_not_offered_is_named()
    {
        await using var peer = new HandmadeBroker(HandmadeBroker.Greeting("B"));
        var (code, _, errors) = await RunAsync(new SuiteSettings(peer.Target with { User = "me" }));
        Assert.That(code, Is.EqualTo(ExitCodes.NoBroker));
        Assert.That(errors, Does.Contain("does not offer the login PLAIN, but ANONYMOUS"));
    }

    [Test]
    public async Task A_file_that_cannot_be_written_is_named_before_the_first_case()
    {
        await using var peer = new HandmadeBroker(HandmadeBroker.Greeting("B"));
        var (code, output, errors) = await RunAsync(new SuiteSettings(peer.Target) { Filter = "OPEN-01", Report = "/no/such/report.html" });
        Assert.That((code, output), Is.EqualTo((ExitCodes.Usage, "")));
        Assert.That(errors, Does.Contain("/no/such/report.html cannot be written"));
    }

    [Test]
    public async Task A_report_says_that_the_broker_was_lost()
    {
        using var folder = new TempDirectory();
        await using var peer = new HandmadeBroker(HandmadeBroker.Greeting("B \u001b[31m"), answered: 2);
        var settings = new SuiteSettings(peer.Target) { Filter = "OPEN", Json = folder["r.json"], Report = folder["r.html"], Patience = TimeSpan.FromSeconds(60) };
        var (code, output, errors) = await RunAsync(settings, TimeSpan.Zero);
        Assert.That(code, Is.EqualTo(ExitCodes.NoBroker), errors);
        Assert.That(output, Does.Contain("0 passed, 1 failed"));
        var file = ResultFile.Parse(await File.ReadAllTextAsync(folder["r.json"]));
        Assert.That(file.Incomplete, Does.Contain("the broker could no longer be worked with").And.Contain($"It has 1 of {file.Planned} cases"));
        Assert.That(errors, Does.Contain(file.Incomplete));
        var page = await File.ReadAllTextAsync(folder["r.html"]);
        Assert.That(page, Does.Contain("class=\"cut\"").And.Contain("\\u{1b}[31m").And.Not.Contain("\u001b"));
        Assert.That(Comparison.ToMarkdown([file]), Does.Contain("This run was cut").And.Not.Contain("\u001b"));
    }

    [Test]
    [CancelAfter(HangGuard)]
    public async Task A_report_says_that_the_run_was_ended_by_hand(CancellationToken guard)
    {
        using var folder = new TempDirectory();
        await using var peer = new HandmadeBroker(HandmadeBroker.Greeting("B"), answered: 2, thenSilent: true);
        using var process = Start(
            "--uri", $"amqp://127.0.0.1:{peer.Target.Port}", "--filter", "OPEN", "--patience", "600", "--json", folder["r.json"], "--password", "hush");
        await peer.Silent.WaitAsync(guard);
        using (var kill = Process.Start("kill", ["-INT", $"{process.Id}"]))
        {
            await kill.WaitForExitAsync(guard);
        }

        var errors = await process.StandardError.ReadToEndAsync(guard);
        await process.WaitForExitAsync(guard);
        Assert.That(process.ExitCode, Is.EqualTo(130), errors);
        var file = ResultFile.Parse(await File.ReadAllTextAsync(folder["r.json"], guard));
        Assert.That(file.Incomplete, Does.Contain("it was ended by hand. It has 0 of"));
        Assert.That(errors, Does.Contain(file.Incomplete));
        Assert.That(file.Command, Does.Contain("--password ...").And.Not.Contain("hush"));
    }

    private static async Task<(int Code, string Output, string Errors)> RunAsync(SuiteSettings settings, TimeSpan? recovery = null)
    {
        StringWriter output = new(), errors = new();
        var run = new SuiteRun(settings, output, errors) { Recovery = recovery ?? settings.Patience };
        var code = await run.RunAsync(CancellationToken.None);
        return (code, output.ToString(), errors.ToString());
    }

    // A shell starts what runs in the background with SIGINT ignored, and a process inherits that; env undoes it and execs.
    private static Process Start(params string[] arguments) => Process.Start(
        new ProcessStartInfo("/usr/bin/env", ["--default-signal=INT", "dotnet", typeof(ConformanceCase).Assembly.Location, .. arguments])
        {
            RedirectStandardOutput = false,
            RedirectStandardError = true,
            UseShellExecute = false,
        })!;
}
