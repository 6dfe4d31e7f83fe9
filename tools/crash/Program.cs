using System.CommandLine;
using Mamba.Tools.Crash;

var kills = new Option<int>("--kills") { Description = "How often the broker is killed.", DefaultValueFactory = _ => 200 };
var seed = new Option<int>("--seed") { Description = "Seed of the moments of the kills.", DefaultValueFactory = _ => 1 };
var producers = new Option<int>("--producers") { Description = "Connections that send.", DefaultValueFactory = _ => 4 };
var consumers = new Option<int>("--consumers") { Description = "Connections that receive.", DefaultValueFactory = _ => 4 };
var size = new Option<int>("--size") { Description = "Padding of each body in bytes.", DefaultValueFactory = _ => 256 };

var root = new RootCommand("Kills a Mamba broker with SIGKILL under durable and transactional load, and checks that every promise held.")
{
    kills, seed, producers, consumers, size,
};
root.SetAction(async (arguments, stop) =>
{
    var options = new CampaignOptions(
        arguments.GetValue(kills),
        arguments.GetValue(seed),
        MinLifeMilliseconds: 150,
        MaxLifeMilliseconds: 900,
        new WorkloadOptions(arguments.GetValue(producers), arguments.GetValue(consumers), InFlight: 50, arguments.GetValue(size)));
    Console.WriteLine(options);
    var tally = await new Campaign(options, Console.Out).RunAsync(stop);
    Console.WriteLine(tally);
    return tally.IsClean ? 0 : 1;
});
return await root.Parse(args).InvokeAsync();
