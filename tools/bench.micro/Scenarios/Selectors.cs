using Mamba.Amqp.Messaging;
using Mamba.Broker.Selectors;

namespace Mamba.Tools.Bench.Micro.Scenarios;

/// <summary>One selector over one JMS message with five properties. The annotations and header are not part of what is stored at that place.</summary>
public abstract class SelectorScenario : Scenario
{
    private byte[] _message = [];
    private Selector _selector = null!;

    public bool Last { get; private set; }

    protected abstract string Expression { get; }

    public override void Setup()
    {
        var sample = Samples.Jms();
        _message = sample[MessageScanner.Scan(sample).BareMessageOffset..];
        _selector = Selector.Parse(Expression);
    }

    public override void Once() => Last = _selector.Matches(new SelectorInput(_message, annotationsLength: 0));
}

/// <summary>A property compared with a string, the commonest selector.</summary>
public sealed class SelectorOfOneProperty : SelectorScenario
{
    protected override string Expression => "region = 'emea'";
}

/// <summary>The same, and the message has another value.</summary>
public sealed class SelectorThatDoesNotMatch : SelectorScenario
{
    protected override string Expression => "customer = 'C-100999'";
}

/// <summary>A header and no property.</summary>
public sealed class SelectorOfHeader : SelectorScenario
{
    protected override string Expression => "JMSCorrelationID = 'order-4711'";
}

/// <summary>Several properties, of several types, by several operators.</summary>
public sealed class SelectorOfManyProperties : SelectorScenario
{
    protected override string Expression =>
        "region IN ('emea', 'amer') AND amount BETWEEN 100 AND 200 AND NOT retry AND customer LIKE 'C-1%' AND missing IS NULL";
}

/// <summary>A pattern that is searched for in a string.</summary>
public sealed class SelectorOfSearch : SelectorScenario
{
    protected override string Expression => "JMSMessageID LIKE '%9f06%' AND customer LIKE '%0_23%'";
}
