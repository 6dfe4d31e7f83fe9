using Mamba.Tools.Model.Modelling;

namespace Mamba.Tools.Model.Sequences;

/// <summary>Makes sequences. The same seed and settings always give the same sequence.</summary>
internal sealed class Generator
{
    public const int Sessions = 6;
    public const int Consumers = 4;

    /// <summary>Of a hundred sequences so many have restarts, which cost the most.</summary>
    private const int RestartPercent = 6;

    private static readonly (OperationKind Kind, int Weight)[] Weights =
    [
        (OperationKind.Send, 30), (OperationKind.Consume, 11), (OperationKind.Receive, 26), (OperationKind.ReceiveAndThrow, 2),
        (OperationKind.Acknowledge, 6), (OperationKind.AcknowledgeAs, 6), (OperationKind.Recover, 3), (OperationKind.Commit, 5),
        (OperationKind.Rollback, 4), (OperationKind.CloseConsumer, 4), (OperationKind.CloseSession, 2), (OperationKind.Browse, 5),
        (OperationKind.Unsubscribe, 1), (OperationKind.Purge, 1), (OperationKind.Advance, 5), (OperationKind.CloseConnection, 1),
        (OperationKind.LoseConnection, 1), (OperationKind.Restart, 1), (OperationKind.Delete, 1), (OperationKind.CreateTemporary, 4),
        (OperationKind.DeleteTemporary, 1), (OperationKind.Reply, 4),
    ];

    private static readonly string?[] Colors = ["red", "blue", null];
    private static readonly string[] Types = ["alpha", "beta"];
    private static readonly int[] Prefetches = [0, 0, 1, 2, 5, 100];

    private readonly Random _random;
    private readonly Features _features;
    private readonly bool _time;
    private readonly bool _restarts;
    private readonly bool _groups;
    private readonly bool _topics;
    private readonly bool _priorities;
    private readonly bool _mixed;
    private readonly bool _temporary;
    private readonly Destination? _special;
    private readonly AckMode[] _modes = new AckMode[Sessions];
    private readonly int[] _selectors = new int[Enum.GetValues<Destination>().Length];
    private readonly bool[] _noLocal = new bool[Enum.GetValues<Destination>().Length];

    private Generator(int seed, Features features)
    {
        _random = new Random(seed);
        _features = features;
        _time = Has(Features.Time);
        _restarts = Chance(RestartPercent) && _time;
        _groups = Chance(30) && Has(Features.Groups);
        _topics = Chance(55) && Has(Features.Topics);
        _priorities = Chance(60) && Has(Features.Priorities);
        _mixed = Chance(50);
        _temporary = Chance(30) && Has(Features.Temporary);
        _special = Chance(45) && Has(Features.Management) ? Pick([Destination.Retry, Destination.RetryInOrder, Destination.LastValue]) : null;
        for (var i = 0; i < Sessions; i++)
        {
            _modes[i] = (AckMode)_random.Next(Has(Features.Transactions) ? 5 : (int)AckMode.Transacted);
        }

        // A named subscription keeps its filter for the whole sequence; see Destination.
        for (var i = 0; i < _selectors.Length; i++)
        {
            _selectors[i] = NextSelector(30);
            _noLocal[i] = (Destination)i == Destination.Durable && Chance(30);
        }
    }

    /// <param name="seed">Any number.</param>
    /// <param name="length">Operations.</param>
    /// <param name="features">What the broker has.</param>
    public static IReadOnlyList<Operation> Make(int seed, int length, Features features = Features.All)
    {
        var generator = new Generator(seed, features);
        return [.. Enumerable.Range(1, length).Select(generator.Next)];
    }

    private Operation Next(int number)
    {
        var session = _random.Next(Sessions);
        var operation = new Operation(number, NextKind())
        {
            Session = session,
            Mode = _modes[session],
            Consumer = _random.Next(Consumers),
            Flag = Chance(40),
            Which = _random.Next(1, 5),
        };
        return operation.Kind switch
        {
            OperationKind.Send => Send(operation, NextTarget(sending: true)),
            OperationKind.Reply => Send(operation, Destination.TemporaryQueue),
            OperationKind.CreateTemporary => operation with { Destination = NextTemporary(), Prefetch = Pick(Prefetches) },
            OperationKind.DeleteTemporary => operation with { Destination = NextTemporary() },
            OperationKind.Consume => Consume(operation),
            OperationKind.Browse => operation with { Destination = NextQueue(40), Selector = NextSelector(30) },
            OperationKind.Unsubscribe => operation with { Destination = Pick([Destination.Durable, Destination.SharedDurable, Destination.Global]) },
            OperationKind.Purge or OperationKind.Delete => operation with { Destination = NextQueue(50) },
            OperationKind.AcknowledgeAs => operation with { Outcome = Has(Features.Outcomes) ? Pick(Enum.GetValues<ModelOutcome>()) : Pick([ModelOutcome.Accepted, ModelOutcome.Released]) },
            OperationKind.Recover => operation with { Flag = operation.Flag && Has(Features.Outcomes) },
            OperationKind.Advance => operation with { Which = 1_000 * _random.Next(1, 5) },
            _ => operation,
        };
    }

    private Operation Send(Operation operation, Destination target)
    {
        var group = _groups && TakesGroups(target) && Chance(60) ? Pick(["g1", "g2", "g3"]) : null;
        return operation with
        {
            Destination = target,
            Durable = Chance(55),
            Priority = _priorities ? (byte)_random.Next(10) : (byte)4,
            // Half seconds, so that nothing falls due at the very moment to which time is moved.
            // What expires before it is committed replaces others in ways that nobody sees.
            Ttl = _time && Chance(12) && !(target == Destination.LastValue && operation.Mode == AckMode.Transacted) ? 1_000 * _random.Next(1, 6) + 250 : 0,
            Delay = _time && Chance(10) ? 1_000 * _random.Next(1, 6) + 500 : 0,
            Group = group,
            ClosesGroup = group is not null && Chance(8),
            Color = Pick(Colors),
            Amount = _random.Next(10),
            Type = Pick(Types),
            Other = Chance(15) && Has(Features.Relay),
            AsksReply = _temporary && !target.IsTemporary() && Chance(40),
        };
    }

    private Operation Consume(Operation operation)
    {
        var target = NextTarget(sending: false);
        var selector = target switch
        {
            Destination.Queue => NextSelector(40),
            Destination.Plain => -1,
            _ when target.IsQueue() => NextSelector(25),
            Destination.Topic or Destination.TemporaryTopic => NextSelector(30),
            _ => Chance(90) ? _selectors[(int)target] : NextSelector(50),
        };
        var session = target.Owner() is { } owner ? owner + 3 * _random.Next(2) : operation.Session;
        return operation with
        {
            Session = session,
            Mode = _modes[session],
            Destination = target,
            Selector = selector,
            Prefetch = Pick(Prefetches),
            // A durable subscriber that settles second asks to resume its link, which no JMS client does.
            Flag = Chance(25) && !target.IsDurable() && Has(Features.Confirmation),
            Other = target is Destination.Topic or Destination.TemporaryTopic ? Chance(20) : _noLocal[(int)target],
        };
    }

    private OperationKind NextKind()
    {
        var at = _random.Next(Weights.Sum(static w => w.Weight));
        foreach (var (kind, weight) in Weights)
        {
            at -= weight;
            if (at < 0)
            {
                return IsPossible(kind) ? kind : OperationKind.Receive;
            }
        }

        return OperationKind.Receive;
    }

    private bool IsPossible(OperationKind kind) => kind switch
    {
        OperationKind.Restart => _restarts,
        OperationKind.Advance => _time,
        OperationKind.Unsubscribe => _topics,
        OperationKind.Browse => Has(Features.Browsing),
        OperationKind.Purge or OperationKind.Delete or OperationKind.LoseConnection => Has(Features.Management),
        OperationKind.CreateTemporary or OperationKind.DeleteTemporary or OperationKind.Reply => _temporary,
        _ => true,
    };

    private Destination NextTarget(bool sending)
    {
        if (_temporary && Chance(30))
        {
            return NextTemporary();
        }

        if (!_topics || Chance(50))
        {
            return NextQueue(_groups && !_mixed ? 70 : 40);
        }

        return sending ? Destination.Topic : (Destination)_random.Next((int)Destination.Topic, (int)Destination.SharedVolatile + 1);
    }

    private Destination NextTemporary() => Chance(75) ? Destination.TemporaryQueue : Destination.TemporaryTopic;

    private Destination NextQueue(int plainPercent) =>
        _special is { } special && Chance(60) ? special : Chance(plainPercent) ? Destination.Plain : Destination.Queue;

    /// <summary>Selectors and groups on one queue only in some of the sequences, so that either is also seen alone.</summary>
    private bool TakesGroups(Destination target) => target != Destination.LastValue && (target != Destination.Queue || _mixed);

    private int NextSelector(int percent) => Chance(percent) && Has(Features.Selectors) ? _random.Next(Selector.All.Count) : -1;

    private bool Has(Features feature) => (_features & feature) != Features.None;

    private bool Chance(int percent) => _random.Next(100) < percent;

    private T Pick<T>(IReadOnlyList<T> from) => from[_random.Next(from.Count)];
}
