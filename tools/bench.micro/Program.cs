using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Order;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Mamba.Tools.Bench.Micro;
using Perfolizer.Horology;

if (args is ["--cpu", ..])
{
    CpuTable.Print(Console.Out, args.Length > 1 ? args[1] : string.Empty);
    return 0;
}

// In this process: no project is generated and built for each benchmark, and the settings of the garbage collector are ours.
// Short rounds keep the whole set below five minutes; the error column says what that costs in precision.
var job = Job.Default
    .WithToolchain(InProcessEmitToolchain.Instance)
    .WithIterationTime(TimeInterval.FromMilliseconds(200))
    .WithWarmupCount(4)
    .WithIterationCount(10);
var config = ManualConfig.CreateEmpty()
    .AddJob(job)
    .AddDiagnoser(MemoryDiagnoser.Default)
    .AddColumnProvider(DefaultColumnProviders.Instance)
    .AddColumn(StatisticColumn.Min)
    .AddExporter(BenchmarkDotNet.Exporters.MarkdownExporter.GitHub)
    .AddLogger(ConsoleLogger.Default)
    .WithOrderer(new DefaultOrderer(SummaryOrderPolicy.Method))
    .WithOptions(ConfigOptions.JoinSummary);
var types = Scenario.All.Select(BenchmarkOf).ToArray();
var summaries = BenchmarkSwitcher.FromTypes(types).Run(args.Length == 0 ? ["--filter", "*"] : args, config);
return summaries.Any(s => s.HasCriticalValidationErrors || s.Reports.Any(r => !r.Success)) ? 1 : 0;

static Type BenchmarkOf(Type scenario) =>
    (scenario.IsSubclassOf(typeof(BatchScenario)) ? typeof(Batch<>) : typeof(One<>)).MakeGenericType(scenario);
