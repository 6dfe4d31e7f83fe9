using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
using Mamba.Broker.Engine;
using Mamba.Broker.Selectors;
using Mamba.Broker.Selectors.Filters;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Server.Dialects.RabbitMq;

/// <summary><c>/bindings</c>: from exchanges to queues and exchanges; each has a location of its own below it. Thread-safe.</summary>
internal sealed partial class BindingResource(ServerContext server)
{
    private const string Source = "source";
    private const string Key = "binding_key";
    private const string Arguments = "arguments";
    private const string ToQueue = "destination_queue";
    private const string ToExchange = "destination_exchange";
    private const int HashBytes = 6;

    private static readonly Symbol HeadersFilter = new("legacy-amqp-headers-binding");

    public async Task<PairedResponse> PostAsync(object? body, PairedCaller caller)
    {
        var fields = new PairedBody("binding", body);
        var exchange = fields.Text(Source) ?? throw PairedException.Bad($"the binding has no '{Source}': name the exchange that messages come from");
        var queue = fields.Text(ToQueue);
        var other = fields.Text(ToExchange);
        var key = fields.Text(Key) ?? string.Empty;
        var arguments = fields.Map(Arguments);
        fields.RefuseOthers();
        if (queue is null == other is null)
        {
            throw PairedException.Bad($"the binding needs one of '{ToQueue}' and '{ToExchange}': where messages go");
        }

        var binding = new BindingOptions(exchange, (queue ?? other)!, queue is null, key);
        Check(binding, caller);
        await server.Engine.BindAsync(binding with { Filter = FilterOf(exchange, arguments) });
        return new PairedResponse(204);
    }

    public PairedResponse Get(PairedRequest request, PairedCaller caller)
    {
        var exchange = request.Parameter("src") ?? throw PairedException.Bad("missing 'src' in the query: the exchange");
        var queue = request.Parameter("dstq");
        var destination = queue ?? request.Parameter("dste") ?? throw PairedException.Bad("missing 'dste' or 'dstq' in the query: the exchange or queue that messages go to");
        var key = request.Parameter("key");
        Check(new BindingOptions(exchange, destination, queue is null, key ?? string.Empty), caller);
        return new PairedResponse(200, server.Engine.ListBindings(exchange)
            .Where(binding => binding.ToExchange == queue is null && binding.Destination == destination && (key is null || binding.Key == key))
            .Select(Describe).ToList());
    }

    public async Task<PairedResponse> DeleteAsync(string segment, PairedCaller caller)
    {
        var parts = Segment.Match(segment);
        if (!parts.Success)
        {
            throw PairedException.Bad($"bad binding path segment '{segment}': it is src=EXCHANGE;dstq=QUEUE;key=KEY;args=HASH (dste for an exchange), as the field 'location' of the binding says");
        }

        string Part(string name) => PairedRequest.Decoded(parts.Groups[name].Value, "the name");
        var wanted = new BindingOptions(Part("src"), Part("dst"), parts.Groups["kind"].Value == "e", Part("key"));
        Check(wanted, caller);
        foreach (var binding in server.Engine.ListBindings(wanted.Exchange))
        {
            if (wanted == binding with { Filter = default } && HashOf(binding) == parts.Groups["args"].Value)
            {
                await server.Engine.UnbindAsync(binding);
            }
        }

        return new PairedResponse(204);
    }

    /// <exception cref="PairedException">403: one end is the default exchange, or not the user's to administer.</exception>
    private static void Check(BindingOptions binding, PairedCaller caller)
    {
        ExchangeResource.RefuseDefault(binding.Exchange);
        RabbitMqNode.Require(caller, AddressActions.Manage, RabbitMqNode.PermissionName(binding.Exchange));
        if (binding.ToExchange)
        {
            ExchangeResource.RefuseDefault(binding.Destination);
        }

        RabbitMqNode.Require(caller, AddressActions.Manage, binding.ToExchange ? RabbitMqNode.PermissionName(binding.Destination) : binding.Destination);
    }

    /// <summary>Arguments as a filter: they mean something to a headers exchange only.</summary>
    private ReadOnlyMemory<byte> FilterOf(string exchange, AmqpMap arguments)
    {
        if (arguments.Count == 0)
        {
            return default;
        }

        if (server.Engine.FindExchange(exchange) is { Type: not ExchangeType.Headers } found)
        {
            throw PairedException.Bad($"invalid arg '{arguments.EntryAt(0).Key}': the exchange is of the type {found.Type.ToString().ToLowerInvariant()}, and only headers exchanges look at arguments; leave them out");
        }

        var ordered = new AmqpMap();
        foreach (var (name, value) in arguments.OrderBy(static entry => (string)entry.Key, StringComparer.Ordinal))
        {
            ordered.Add(name, value);
        }

        try
        {
            return FilterSet.Compile(new AmqpMap { { HeadersFilter, new DescribedValue(FilterDescriptors.HeadersBindingCode, ordered) } }).Definition;
        }
        catch (SelectorException e)
        {
            throw PairedException.Bad($"the arguments cannot be used: {e.Message}");
        }
    }

    /// <summary>A binding as clients see it.</summary>
    public static AmqpMap Describe(BindingOptions binding) => new()
    {
        { Source, binding.Exchange },
        { binding.ToExchange ? ToExchange : ToQueue, binding.Destination },
        { Key, binding.Key },
        { Arguments, ArgumentsOf(binding) },
        {
            "location",
            $"/bindings/src={PercentText.Encode(binding.Exchange)};dst{(binding.ToExchange ? 'e' : 'q')}={PercentText.Encode(binding.Destination)};"
            + $"key={PercentText.Encode(binding.Key)};args={HashOf(binding)}"
        },
    };

    private static AmqpMap ArgumentsOf(BindingOptions binding)
    {
        if (binding.Filter.IsEmpty)
        {
            return [];
        }

        var reader = new AmqpReader(binding.Filter.Span);
        return reader.ReadMap()[FilterDescriptors.HeadersBindingCode] as AmqpMap ?? [];
    }

    /// <summary>Tells bindings apart that differ in their arguments only; empty without arguments.</summary>
    private static string HashOf(BindingOptions binding) =>
        binding.Filter.IsEmpty ? string.Empty : Base64Url.EncodeToString(SHA256.HashData(binding.Filter.Span).AsSpan(0, HashBytes));

    [GeneratedRegex("^src=(?<src>[0-9A-Za-z._~%-]+);dst(?<kind>[eq])=(?<dst>[0-9A-Za-z._~%-]+);key=(?<key>[0-9A-Za-z._~%-]*);args=(?<args>[0-9A-Za-z_-]*)$",
        RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Segment { get; }
}
