using System.Diagnostics;
using System.Text;
using Mamba.Broker.Testing;

namespace Mamba.Amqp.Interop.Tests;

/// <summary>
/// A suite of black-box cases written in the language of a foreign client. The contract with its runner:
/// "--list [options]" prints one case name per line; "--case NAME --target FILE" runs one case against the broker that
/// the JSON file describes, bounds itself in time, and exits 0, or prints what was expected and what came and exits 1.
/// A case that needs the broker killed prints a line "@broker kill", or "@broker start", and reads "done" from its input.
/// </summary>
/// <param name="Name">The client's name, for people.</param>
/// <param name="Program">The interpreter.</param>
/// <param name="Script">The runner, relative to the repository's root.</param>
/// <param name="Needs">A file or folder, relative to the root, without which the suite cannot run; null for none.</param>
/// <param name="Remedy">What to do when the suite cannot run.</param>
public sealed record ClientSuite(string Name, string Program, string Script, string? Needs, string Remedy)
{
    private const string CannotList = "(the cases cannot be listed)";
    private const string Request = "@broker ";

    // The runners bound their cases themselves; this is for a runner that hangs.
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(6);

    /// <summary>rhea on Node.js.</summary>
    public static ClientSuite Rhea { get; } = new(
        "rhea", "node", "conformance-tests/rhea/run.mjs", "conformance-tests/rhea/node_modules/rhea",
        "Install Node.js 20 or later, then run: npm ci --prefix conformance-tests/rhea");

    /// <summary>Libraries and application frameworks on Node.js: nest-amqp, rhea-promise, Azure's core-amqp, amqp10.</summary>
    public static ClientSuite Node { get; } = new(
        "Node.js clients", "node", "conformance-tests/node-clients/run.mjs", "conformance-tests/node-clients/node_modules/rhea-promise",
        "Install Node.js 20 or later, then run: npm ci --prefix conformance-tests/node-clients");

    /// <summary>Qpid Proton for C++, compiled by its Makefile.</summary>
    public static ClientSuite Cpp { get; } = new(
        "Proton for C++", "/usr/bin/env", "conformance-tests/proton-cpp/bin/cases", "conformance-tests/proton-cpp/bin/cases",
        "Run: apt-get install -y g++ make libqpid-proton-cpp12-dev; make -C conformance-tests/proton-cpp");

    /// <summary>uAMQP for Python.</summary>
    public static ClientSuite Uamqp { get; } = new(
        "uAMQP", "/usr/bin/python3", "conformance-tests/uamqp/run.py", "/usr/lib/python3/dist-packages/uamqp",
        "Run: apt-get install -y python3-uamqp python3-qpid-proton");

    /// <summary>The AMQP stack of Azure's newer clients for Python.</summary>
    public static ClientSuite Pyamqp { get; } = new(
        "pyamqp", "/usr/bin/python3", "conformance-tests/pyamqp/run.py", "conformance-tests/pyamqp/lib/_pyamqp",
        "Run: apt-get install -y python3-typing-extensions python3-certifi python3-qpid-proton; conformance-tests/pyamqp/fetch.sh");

    /// <summary>A RabbitMQ that shovels messages to and from the broker over AMQP 1.0.</summary>
    public static ClientSuite Shovel { get; } = new(
        "RabbitMQ shovel", "/usr/bin/python3", "conformance-tests/shovel/run.py", "/usr/lib/rabbitmq/bin/rabbitmq-server",
        "Run: apt-get install -y rabbitmq-server python3-qpid-proton");

    /// <summary>
    /// The names of the cases that fit the runner's own options, for TestCaseSource. A suite that cannot be listed yields
    /// one case, which fails with the remedy: no client is left out silently.
    /// </summary>
    public IEnumerable<string> Cases(params string[] options)
    {
        using var process = Start(["--list", .. options], out var problem);
        if (process is null)
        {
            return [$"{CannotList} {problem}"];
        }

        var errors = process.StandardError.ReadToEndAsync();
        var names = process.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        process.WaitForExit();
        return process.ExitCode == 0 && names.Length > 0 ? names : [$"{CannotList} {errors.GetAwaiter().GetResult()}"];
    }

    /// <summary>Runs one case and turns its exit code and output into the test's result.</summary>
    /// <param name="name">A name from <see cref="Cases"/>.</param>
    /// <param name="targetFile">The file that says where the broker is.</param>
    /// <param name="brokerLog">Gives what the broker printed, for the report of a failure.</param>
    /// <param name="control">Does to the broker what the case asks for: "kill" or "start".</param>
    public async Task RunAsync(string name, string targetFile, Func<string> brokerLog, Func<string, Task> control)
    {
        if (name.StartsWith(CannotList, StringComparison.Ordinal))
        {
            Assert.Fail($"The {Name} suite cannot run: {name[CannotList.Length..].Trim()}\n{Remedy}");
        }

        using var process = Start(["--case", name, "--target", targetFile], out var problem);
        Assert.That(process, Is.Not.Null, $"The {Name} suite cannot run: {problem}\n{Remedy}");
        var output = ListenAsync(process!, control);
        var errors = process!.StandardError.ReadToEndAsync();
        using var patience = new CancellationTokenSource(Bound);
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{name} did not end in {Bound.TotalMinutes} minutes.\n{await output}\n{await errors}");
        }

        var report = $"{await output}{await errors}";
        TestContext.Out.Write(report);
        Assert.That(process.ExitCode, Is.Zero, () => $"{report}\nThe broker's last lines:\n{LastLines(brokerLog(), 30)}");
    }

    /// <summary>Reads what the case prints to its end, and answers its requests; returns all other lines.</summary>
    private static async Task<string> ListenAsync(Process process, Func<string, Task> control)
    {
        var output = new StringBuilder();
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (!line.StartsWith(Request, StringComparison.Ordinal))
            {
                output.Append(line).Append('\n');
                continue;
            }

            await control(line[Request.Length..]);
            await process.StandardInput.WriteLineAsync("done");
            await process.StandardInput.FlushAsync();
        }

        return output.ToString();
    }

    private static string LastLines(string text, int count) => string.Join('\n', text.TrimEnd().Split('\n').TakeLast(count));

    /// <summary>Starts the runner; null, with the reason, when that is not possible.</summary>
    private Process? Start(string[] arguments, out string problem)
    {
        problem = "";
        if (Needs is not null && !Path.Exists(Path.Combine(Repository.Root, Needs)))
        {
            problem = $"{Needs} is missing.";
            return null;
        }

        var start = new ProcessStartInfo(Program, [Path.Combine(Repository.Root, Script), .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = Repository.Root,
        };
        try
        {
            return Process.Start(start);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            problem = $"{Program} could not be started: {e.Message}";
            return null;
        }
    }
}
