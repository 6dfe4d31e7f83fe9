using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;

namespace Mamba.Broker.Testing;

/// <summary>
/// The real broker executable as a child process. Disposing it kills it. Members may be called from any thread.
/// The test project has to reference Mamba.Broker.Host (ReferenceOutputAssembly=false will do), so that it is built.
/// </summary>
public sealed class BrokerProcess : IAsyncDisposable
{
    private const int SigTerm = 15;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly string[] _arguments;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _errors = new();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _outputEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _errorsEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private BrokerProcess(Process process, string[] arguments)
    {
        _process = process;
        _arguments = arguments;
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>The exit code of an ended process: 0 stopped as asked, 1 failed while running, 2 wrong settings, 137 killed.</summary>
    public int ExitCode => _process.ExitCode;

    public IPEndPoint Amqp => EndpointAfter("AMQP");

    public IPEndPoint Amqps => EndpointAfter("AMQPS");

    public IPEndPoint Console => EndpointAfter("Console");

    public IPEndPoint SecureConsole => EndpointAfter("Secure");

    /// <summary>Time from the start of the process to its ready line, in milliseconds as this process saw it.</summary>
    public double MillisecondsToReady { get; private set; }

    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    public string Errors
    {
        get
        {
            lock (_errors)
            {
                return _errors.ToString();
            }
        }
    }

    /// <summary>
    /// Starts a broker over <paramref name="dataDirectory"/> and waits until it is ready. Ports that the arguments do not
    /// name are free ones on loopback; read them from <see cref="Amqp"/> and <see cref="Console"/>.
    /// </summary>
    public static async Task<BrokerProcess> StartAsync(string dataDirectory, params string[] arguments)
    {
        List<string> all = [.. arguments, "--data", dataDirectory];
        AddUnlessGiven(all, "--amqp", "127.0.0.1:0");
        AddUnlessGiven(all, "--console", "127.0.0.1:0");
        var broker = Launch([.. all]);
        await broker.WaitForReadyAsync();
        return broker;
    }

    /// <summary>Starts the executable with exactly these arguments, and waits for nothing.</summary>
    public static BrokerProcess Launch(string[] arguments, IReadOnlyDictionary<string, string>? environment = null, string? input = null)
    {
        // A shell starts what runs in the background with SIGINT ignored, and a process inherits that; env undoes it and execs.
        var start = new ProcessStartInfo("/usr/bin/env", ["--default-signal=INT", FindExecutable(), .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>(StringComparer.Ordinal))
        {
            start.Environment[name] = value;
        }

        var clock = Stopwatch.StartNew();
        var broker = new BrokerProcess(Process.Start(start) ?? throw new InvalidOperationException($"could not start {start.FileName}"), arguments);
        _ = broker.ReadAsync(broker._process.StandardOutput, broker._output, broker._outputEnded, clock);
        _ = broker.ReadAsync(broker._process.StandardError, broker._errors, broker._errorsEnded, clock);
        if (input is not null)
        {
            broker._process.StandardInput.Write(input);
        }

        broker._process.StandardInput.Close();
        return broker;
    }

    /// <summary>Runs the executable to its end and returns it, with its exit code and all it printed.</summary>
    public static async Task<BrokerProcess> RunAsync(string[] arguments, IReadOnlyDictionary<string, string>? environment = null, string? input = null)
    {
        var broker = Launch(arguments, environment, input);
        try
        {
            await broker.WaitForExitAsync();
            return broker;
        }
        catch
        {
            await broker.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts it again as it was, on the same ports, and waits until it is ready. The old process must have ended.</summary>
    public async Task<BrokerProcess> RestartAsync()
    {
        var again = _arguments.ToArray();
        Pin(again, "--amqp", "AMQP");
        Pin(again, "--amqps", "AMQPS");
        Pin(again, "--console", "Console");
        Pin(again, "--secure-console", "Secure");
        var broker = Launch(again);
        await broker.WaitForReadyAsync();
        return broker;
    }

    /// <summary>Waits for the ready line; throws with all output if the process ends, or a minute passes, before it.</summary>
    public async Task WaitForReadyAsync()
    {
        var ended = _process.WaitForExitAsync();
        string what;
        try
        {
            if (await Task.WhenAny(_ready.Task, ended).WaitAsync(Patience) == _ready.Task)
            {
                return;
            }

            await WaitForExitAsync();
            what = $"ended with code {ExitCode} before it was ready";
        }
        catch (TimeoutException)
        {
            what = "was not ready in time";
        }

        await DisposeAsync();
        throw new InvalidOperationException($"The broker {what}.\nstdout:\n{Output}\nstderr:\n{Errors}");
    }

    /// <summary>kill -9, and waits until the process is gone.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await WaitForExitAsync();
    }

    /// <summary>Asks it to stop (SIGTERM), waits for the end and returns the exit code.</summary>
    public async Task<int> StopAsync()
    {
        Signal(SigTerm);
        await WaitForExitAsync();
        return _process.ExitCode;
    }

    /// <summary>Sends a signal and waits for nothing.</summary>
    public void Signal(int signal)
    {
        if (Kill(_process.Id, signal) != 0)
        {
            throw new InvalidOperationException($"kill({_process.Id}, {signal}) failed: errno {Marshal.GetLastPInvokeError()}");
        }
    }

    /// <summary>Waits for the end of the process and of its output.</summary>
    public async Task WaitForExitAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(Patience);
        await Task.WhenAll(_outputEnded.Task, _errorsEnded.Task).WaitAsync(Patience);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }
    }

    /// <summary>The built executable: MAMBA_BROKER names another one, to test an installed or published broker.</summary>
    private static string FindExecutable()
    {
        if (Environment.GetEnvironmentVariable("MAMBA_BROKER") is { Length: > 0 } named)
        {
            return named;
        }

        var output = new DirectoryInfo(AppContext.BaseDirectory);
        var configuration = output.Parent?.Name ?? "Debug";
        var root = Repository.Root;
        var path = Path.Combine(root, "broker", "src", "Mamba.Broker.Host", "bin", configuration, output.Name, "mamba-broker");
        return File.Exists(path) ? path : throw new FileNotFoundException($"Build the broker first: {path} does not exist.", path);
    }

    private static void AddUnlessGiven(List<string> arguments, string option, string value)
    {
        if (!arguments.Contains(option, StringComparer.Ordinal))
        {
            arguments.Add(option);
            arguments.Add(value);
        }
    }

    private void Pin(string[] arguments, string option, string label)
    {
        var index = Array.IndexOf(arguments, option);
        if (index >= 0 && arguments[index + 1].EndsWith(":0", StringComparison.Ordinal))
        {
            arguments[index + 1] = EndpointAfter(label).ToString();
        }
    }

    private IPEndPoint EndpointAfter(string label)
    {
        foreach (var line in Output.Split('\n'))
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length >= 2 && string.Equals(words[0], label, StringComparison.Ordinal))
            {
                return IPEndPoint.Parse(words[1].Replace("http://", "", StringComparison.Ordinal).Replace("https://", "", StringComparison.Ordinal));
            }
        }

        throw new InvalidOperationException($"The broker did not say where its {label} endpoint is:\n{Output}");
    }

    private async Task ReadAsync(StreamReader reader, StringBuilder into, TaskCompletionSource ended, Stopwatch clock)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            lock (into)
            {
                into.Append(line).Append('\n');
            }

            // The last line of the banner, so that everything it says has been read when the wait ends.
            if (line.StartsWith("Ready", StringComparison.Ordinal))
            {
                MillisecondsToReady = clock.Elapsed.TotalMilliseconds;
                _ready.TrySetResult();
            }
        }

        ended.TrySetResult();
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Kill(int processId, int signal);
}
