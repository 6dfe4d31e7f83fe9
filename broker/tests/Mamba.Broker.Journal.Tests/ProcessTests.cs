using System.Diagnostics;
using System.Globalization;
using static Mamba.Broker.Journal.Tests.JournalTestExtensions;

namespace Mamba.Broker.Journal.Tests;

/// <summary>The journal in a process of its own: failed system calls from outside, kills, and two processes on one folder.</summary>
[CancelAfter(180_000)]
public sealed class ProcessTests
{
    private TestFolder _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new TestFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    /// <summary>T-14: the kernel itself reports the failure. The counts are per thread, so only the writer's calls fail.</summary>
    [TestCase("EIO")]
    [TestCase("ENOSPC")]
    [TestCase("EROFS")]
    public void A_failed_fdatasync_confirms_nothing_and_is_not_repeated(string error)
    {
        // The fourth sync of a thread: recovery, on the main thread, makes three at most.
        var (output, trace) = Trace("fdatasync", $"inject=fdatasync:error={error}:when=4", "append", JournalFolder, "8");
        Assert.That(trace.Count(line => line.Contains("INJECTED", StringComparison.Ordinal)), Is.EqualTo(1), string.Join('\n', trace));
        Assert.That(output.Where(line => line.StartsWith("stored", StringComparison.Ordinal)), Is.EqualTo(new[] { "stored 0", "stored 1", "stored 2" }));
        Assert.That(output.Count(line => line.StartsWith("failed", StringComparison.Ordinal)), Is.EqualTo(5));
        Assert.That(output, Does.Contain("has failed: True"));
        Assert.That(trace.SkipWhile(line => !line.Contains("INJECTED", StringComparison.Ordinal)).Skip(1).Where(line => line.Contains("fdatasync(", StringComparison.Ordinal)),
            Is.Empty, "The failed sync was tried again.");

        var replayed = new Replayed();
        Journal.Open(new JournalOptions { Directory = JournalFolder, SegmentSize = 64 * 1024 }, replayed).Dispose();
        Assert.That(replayed.Records, Has.Count.GreaterThanOrEqualTo(3));
    }

    [Test]
    public void An_interrupted_call_is_carried_on()
    {
        var (output, trace) = Trace("fdatasync,pwritev", "inject=fdatasync,pwritev:error=EINTR:when=5+3", "append", JournalFolder, "20");
        Assert.That(trace.Count(line => line.Contains("INJECTED", StringComparison.Ordinal)), Is.GreaterThan(5));
        Assert.That(output.Count(line => line.StartsWith("stored", StringComparison.Ordinal)), Is.EqualTo(20));
        Assert.That(output, Does.Contain("has failed: False"));
    }

    [Test]
    public void A_failed_write_confirms_nothing()
    {
        var (output, trace) = Trace("pwritev", "inject=pwritev:error=EIO:when=5", "append", JournalFolder, "8");
        Assert.That(trace.Count(line => line.Contains("INJECTED", StringComparison.Ordinal)), Is.EqualTo(1));
        Assert.That(output.Count(line => line.StartsWith("stored", StringComparison.Ordinal)), Is.EqualTo(4));
        Assert.That(output, Does.Contain("has failed: True"));
    }

    [Test]
    public void No_room_for_a_segment_refuses_and_goes_on()
    {
        var (output, trace) = Trace("fallocate", "inject=fallocate:error=ENOSPC:when=1..3", "append", JournalFolder, "80", prepare: true);
        Assert.That(trace.Count(line => line.Contains("INJECTED", StringComparison.Ordinal)), Is.GreaterThanOrEqualTo(3), string.Join('\n', trace));
        Assert.That(output.Count(line => line.StartsWith("refused", StringComparison.Ordinal)), Is.InRange(1, 3));
        Assert.That(output, Does.Contain("has failed: False"));
        var replayed = new Replayed();
        Journal.Open(new JournalOptions { Directory = JournalFolder, SegmentSize = 64 * 1024 }, replayed).Dispose();
        Assert.That(replayed.Records, Has.Count.EqualTo(1 + output.Count(line => line.StartsWith("stored", StringComparison.Ordinal))));
    }

    /// <summary>T-15, also while the holder is stopped.</summary>
    [Test]
    public async Task A_second_process_is_refused_until_the_first_is_gone()
    {
        using var child = Start("dotnet", "exec", typeof(ProcessTests).Assembly.Location, "hold", JournalFolder);
        Assert.That(await child.StandardOutput.ReadLineAsync(), Is.EqualTo("open"));
        RequireRefused(child.Id);
        using (var stop = Start("kill", "-STOP", child.Id.ToString(CultureInfo.InvariantCulture)))
        {
            await stop.WaitForExitAsync();
        }

        RequireRefused(child.Id);
        child.Kill();
        await child.WaitForExitAsync();
        Journal.Open(new JournalOptions { Directory = JournalFolder, SegmentSize = 64 * 1024 }, new Replayed()).Dispose();
    }

    [Test]
    public async Task Killed_again_and_again_it_keeps_what_it_confirmed()
    {
        var stored = -1;
        var random = new Random(1);
        for (var life = 0; life < 8; life++)
        {
            using var child = Start("dotnet", "exec", typeof(ProcessTests).Assembly.Location, "append", JournalFolder, "1000000");
            for (var lines = random.Next(1, 400); lines > 0; lines--)
            {
                var line = await child.StandardOutput.ReadLineAsync();
                stored = line!.StartsWith("stored ", StringComparison.Ordinal) ? int.Parse(line.AsSpan(7), CultureInfo.InvariantCulture) : stored;
            }

            child.Kill();
            await child.WaitForExitAsync();
            var replayed = new Replayed();
            Journal.Open(new JournalOptions { Directory = JournalFolder, SegmentSize = 64 * 1024 }, replayed).Dispose();
            Assert.That(replayed.Records, Has.Count.GreaterThan(stored));
            Assert.That(replayed.Records.Index().All(pair => pair.Item.Payload.AsSpan().SequenceEqual(Payload(pair.Index, 1000))));
        }
    }

    private string JournalFolder => Path.Combine(_folder.Path, "journal");

    private void RequireRefused(int holder)
    {
        var refused = Assert.Throws<JournalLockedException>(() =>
            Journal.Open(new JournalOptions { Directory = JournalFolder, SegmentSize = 64 * 1024 }, new Replayed()));
        Assert.That(refused!.HolderProcessId, Is.EqualTo(holder));
    }

    private (List<string> Output, List<string> Trace) Trace(string calls, string injection, string command, string folder, string count, bool prepare = false)
    {
        if (prepare)
        {
            using var journal = Journal.Open(new JournalOptions { Directory = folder, SegmentSize = 64 * 1024 }, new Replayed());
            using var batch = journal.RentBatch();
            batch.BeginRecord();
            batch.Write(Payload(0, 1000));
            batch.EndRecord();
            journal.Append(batch, sync: true, completion: null);
        }

        var log = Path.Combine(_folder.Path, "trace");
        Process child;
        try
        {
            child = Start("strace", "-f", "-qq", "-o", log, "-e", $"trace={calls}", "-e", injection, "dotnet", "exec", typeof(ProcessTests).Assembly.Location, command, folder, count);
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            throw new InvalidOperationException("This test injects failing system calls and needs strace: apt-get install -y strace", exception);
        }

        using (child)
        {
            var output = child.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).ToList();
            child.WaitForExit();
            return (output, [.. File.ReadAllLines(log)]);
        }
    }

    private static Process Start(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardInput = true, UseShellExecute = false };
        return Process.Start(start)!;
    }
}
