using System.CommandLine;
using Mamba.Tools;
using Mamba.Tools.Model.Running;
using Mamba.Tools.Model.Sequences;

var defaults = new CampaignOptions();
var sequences = new Option<int>("--sequences") { Description = "How many sequences to play.", DefaultValueFactory = _ => defaults.Sequences };
var first = new Option<int>("--first") { Description = "Seed of the first sequence; the next have the numbers behind it.", DefaultValueFactory = _ => defaults.FirstSeed };
var seed = new Option<int?>("--seed") { Description = "Play only the sequence of this seed, and print it." };
var length = new Option<int>("--length") { Description = "Operations of a sequence.", DefaultValueFactory = _ => defaults.Length };
var workers = new Option<int>("--workers") { Description = "Sequences at a time, each on a broker of its own.", DefaultValueFactory = _ => defaults.Workers };
var uri = new Option<string?>("--uri") { Description = "A broker that runs already (amqp://host:port), instead of brokers in this process. Then time does not pass on command, and nothing restarts." };
var without = new Option<Features[]>("--without") { Description = "With --uri: what that broker has not.", AllowMultipleArgumentsPerToken = true };
var patience = new Option<int>("--patience") { Description = "Seconds that what must come may take.", DefaultValueFactory = _ => 300 };
var deliveries = new Option<int>("--max-deliveries") { Description = "With --uri: failed deliveries after which that broker dead-letters.", DefaultValueFactory = _ => defaults.MaxDeliveries };

var root = new RootCommand("Plays random sequences of JMS operations against the broker and a simple model, and compares everything that can be seen.")
{
    sequences, first, seed, length, workers, uri, without, patience, deliveries,
};
root.SetAction(async (arguments, _) =>
{
    using var interruption = new Interruption("ending the campaign; once more to end at once");
    var options = new CampaignOptions
    {
        Sequences = arguments.GetValue(sequences),
        FirstSeed = arguments.GetValue(first),
        Length = arguments.GetValue(length),
        Workers = arguments.GetValue(workers),
        Uri = arguments.GetValue(uri) is { } target ? new Uri(target) : null,
        Features = Features.All & ~(arguments.GetValue(without) ?? []).Aggregate(Features.None, static (all, one) => all | one),
        MaxDeliveries = arguments.GetValue(deliveries),
        Player = new PlayerOptions
        {
            Patience = TimeSpan.FromSeconds(arguments.GetValue(patience)),
            PatienceAtTheEnd = TimeSpan.FromSeconds(arguments.GetValue(patience)),
        },
    };
    var campaign = new Campaign(options, Console.Out);
    if (arguments.GetValue(seed) is { } one)
    {
        return await ReplayAsync(one);
    }

    await campaign.RunAsync(interruption.Token);
    return interruption.ExitCode ?? (campaign.Findings.Count == 0 ? 0 : 1);

    async Task<int> ReplayAsync(int one)
    {
        Console.WriteLine(string.Join('\n', Generator.Make(one, options.Length, campaign.Features)));
        try
        {
            var finding = await campaign.ReplayAsync(one, interruption.Token);
            Console.WriteLine(finding?.ToString() ?? "no difference");
            return finding is null ? 0 : 1;
        }
        catch (OperationCanceledException) when (interruption.ExitCode is { } ended)
        {
            return ended;
        }
    }
});
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
