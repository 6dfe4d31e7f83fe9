using System.Net;
using System.Net.Sockets;
using Mamba.Amqp.Conformance.Adapters;
using Mamba.Amqp.Conformance.Catalogue;
using Mamba.Amqp.Conformance.Reporting;
using Mamba.Amqp.Conformance.Running;

namespace Mamba.Amqp.Conformance.Tests;

/// <summary>The suite itself: it sees what is wrong, and says so in its reports.</summary>
public sealed class SuiteTests
{
    [Test]
    public async Task No_case_is_passed_by_a_broker_that_closes_every_connection()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(100);
        using var stop = new CancellationTokenSource();
        var accepting = CloseAllAsync(listener, stop.Token);
        await using var adapter = new PlainAdapter();
        var broker = new BrokerTarget("127.0.0.1", ((IPEndPoint)listener.LocalEndPoint!).Port);
        var results = await new SuiteRunner(broker, adapter, TimeSpan.FromSeconds(60)).RunAllAsync(ConformanceCase.All, 8, static _ => Task.CompletedTask);
        await stop.CancelAsync();
        Assert.That(async () => await accepting, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(results.Where(static r => r.Verdict == Verdict.Pass).Select(static r => r.Case.Id), Is.Empty);
        Assert.That(results.Count(static r => r.Verdict == Verdict.Fail), Is.GreaterThan(400));
    }

    [Test]
    public async Task A_broker_that_is_silent_fails_a_case_when_its_time_is_over()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1);
        await using var adapter = new PlainAdapter();
        var broker = new BrokerTarget("127.0.0.1", ((IPEndPoint)listener.LocalEndPoint!).Port);
        var result = await new SuiteRunner(broker, adapter, TimeSpan.FromMilliseconds(100)).RunAsync(ConformanceCase.All.First(static c => c.Id == "OPEN-01"));
        Assert.That(result.Verdict, Is.EqualTo(Verdict.Fail));
        Assert.That(result.Detail, Does.Contain("nothing came").Or.Contain("did not end"));
    }

    [Test]
    public void A_result_survives_its_file_and_shows_in_page_and_table()
    {
        var cases = ConformanceCase.All;
        CaseResult[] results =
        [
            new(cases[0], Verdict.Pass, null, ["-> open{}"], 1),
            new(cases[1], Verdict.Fail, "expected <that>", ["<- close{}"], 2),
            new(cases[2], Verdict.NotApplicable, "not offered", [], 3),
        ];
        var file = ResultFile.Parse(ResultFile.Of("A", "Product 1", DateTimeOffset.UnixEpoch, "run it", results).ToJson());
        Assert.That((file.Count("pass"), file.Count("fail"), file.Count("n/a")), Is.EqualTo((1, 1, 1)));
        var page = HtmlReport.Render([file]);
        Assert.That(page, Does.Contain("expected &lt;that&gt;").And.Contain("-&gt; open{}").And.Contain(cases[2].Id));
        Assert.That(page, Does.Not.Contain("<script").And.Not.Contain("http://").And.Not.Contain("https://"));
        ResultFile[] both = [file, file with { Broker = "B", Cases = [file.Cases[0]] }];
        var beside = HtmlReport.Render(both);
        Assert.That(beside, Does.Contain("<h3>B: pass</h3>").And.Contain($"<details class=\"fail has-fail has-absent differs\" id=\"{cases[1].Id}\">").And.Contain("show-differ"));
        Assert.That(beside, Does.Contain($"<details class=\"pass has-pass\" id=\"{cases[0].Id}\">").And.Not.Contain("<script"));
        var table = Comparison.ToMarkdown(both);
        Assert.That(table, Does.Contain("1 of 2 (1 n/a)").And.Contain($"| `{cases[1].Id}` {cases[1].Title} (§{cases[1].Section}) | **fail** | – |"));
    }

    [Test]
    public void A_filter_selects_by_id_and_by_part()
    {
        Assert.That(SuiteRun.Select("TXN-01").Select(static c => c.Id), Is.EqualTo(new[] { "TXN-01" }));
        Assert.That(SuiteRun.Select("security, ws-").Select(static c => c.Group).Distinct(StringComparer.Ordinal), Is.EqualTo(new[] { "Security", "WebSocket" }));
        Assert.That(SuiteRun.Select(null), Has.Count.EqualTo(ConformanceCase.All.Count));
    }

    [Test]
    public void A_statement_is_read_as_it_was_written()
    {
        var statement = new Statement("a.1.2-3", "a", "1.2", "MUST NOT", "00ff00ff", "It MUST NOT be lost.");
        Assert.That(Statement.Parse(statement.ToLine()), Is.EqualTo(statement));
        Assert.That(() => Statement.Parse("a\tb"), Throws.InstanceOf<FormatException>());
    }

    [Test]
    public void A_broker_is_named_by_its_uri()
    {
        var target = BrokerTarget.Parse(new Uri("amqp://me:se%40cret@example.org"));
        Assert.That((target.Host, target.Port, target.User, target.Password), Is.EqualTo(("example.org", 5672, "me", "se@cret")));
        Assert.That(() => BrokerTarget.Parse(new Uri("http://example.org")), Throws.ArgumentException);
    }

    private static async Task CloseAllAsync(Socket listener, CancellationToken stop)
    {
        while (true)
        {
            using var socket = await listener.AcceptAsync(stop);
        }
    }
}
