using System.CommandLine;
using System.Diagnostics;
using Mamba.Tools.SelectorFuzz;

var pairs = new Option<long>("--pairs") { Description = "Pairs of a random expression and a random message to judge.", DefaultValueFactory = _ => 1_000_000 };
var seed = new Option<int>("--seed") { Description = "Where the random numbers begin.", DefaultValueFactory = _ => 1 };
var timing = new Option<bool>("--timing") { Description = "Measure typical selectors and the worst ones that the limits allow, instead." };

var root = new RootCommand("Compares the broker's selector evaluator with a plainly written one, and measures it.") { pairs, seed, timing };
root.SetAction(arguments =>
{
    if (arguments.GetValue(timing))
    {
        return Timing.Run(Console.Out) ? 0 : 1;
    }

    var clock = Stopwatch.StartNew();
    var result = Differential.Run(arguments.GetValue(pairs), arguments.GetValue(seed), judged => Console.Error.Write($"\r{judged:N0} pairs, {clock.Elapsed:hh\\:mm\\:ss}"));
    Console.Error.WriteLine();
    Console.WriteLine($"{result.Pairs:N0} pairs in {clock.Elapsed.TotalSeconds:N0} s: {result.True:N0} true, {result.False:N0} false, {result.Unknown:N0} unknown");
    Console.WriteLine(result.Difference is null ? "0 differences" : $"DIFFERENCE: {result.Difference}");
    return result.Difference is null ? 0 : 1;
});
return await root.Parse(args).InvokeAsync();
