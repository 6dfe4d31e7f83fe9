namespace Mamba.Amqp.Conformance.Running;

/// <summary>What a run from the command line was told. The command line has checked each of them.</summary>
public sealed record SuiteSettings(BrokerTarget Broker)
{
    /// <summary>plain or rabbitmq.</summary>
    public string Adapter { get; init; } = "plain";

    /// <summary>Of the adapter rabbitmq: where its management plugin is.</summary>
    public Uri? Admin { get; init; }

    public string QueuePattern { get; init; } = "{0}";

    public string TopicPattern { get; init; } = "topic://{0}";

    public string? Missing { get; init; }

    public string? Filter { get; init; }

    /// <summary>What the report calls the broker.</summary>
    public string? Name { get; init; }

    /// <summary>The file of the HTML report.</summary>
    public string? Report { get; init; }

    /// <summary>The file of the results.</summary>
    public string? Json { get; init; }

    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(10);

    public int Parallel { get; init; } = 1;

    public bool Verbose { get; init; }

    /// <summary>The command line, for the report.</summary>
    public string Command { get; init; } = "";
}

/// <summary>What the process exits with.</summary>
public static class ExitCodes
{
    public const int Passed = 0;
    public const int Failed = 1;

    /// <summary>There is no broker that the suite can work with, or it was lost on the way.</summary>
    public const int NoBroker = 2;

    /// <summary>The command line is wrong, or a file that it names cannot be read or written.</summary>
    public const int Usage = 3;
}
