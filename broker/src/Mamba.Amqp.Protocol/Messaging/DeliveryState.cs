using Mamba.Amqp.Codec;
using Mamba.Amqp.Transactions;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Messaging;

/// <summary>The state of a delivery at one end of a link (AMQP 1.0 §3.4). Immutable where it is shared: accepted and released.</summary>
public abstract class DeliveryState : IAmqpEncodable
{
    private protected DeliveryState()
    {
    }

    /// <summary>Appends the state, descriptor included.</summary>
    public abstract void Write(AmqpWriter writer);

    /// <summary>Reads a state of any type.</summary>
    /// <exception cref="AmqpException">amqp:not-implemented when the described type is no state this library knows.</exception>
    public static DeliveryState Read(ref AmqpReader reader)
    {
        var code = reader.ReadDescriptor();
        return code switch
        {
            Accepted.Descriptor => MarkedAccepted.ReadFields(ref reader),
            Released.Descriptor => Released.ReadFields(ref reader),
            Rejected.Descriptor => Rejected.ReadFields(ref reader),
            Modified.Descriptor => Modified.ReadFields(ref reader),
            TransactionalState.Descriptor => TransactionalState.ReadFields(ref reader),
            Declared.Descriptor => Declared.ReadFields(ref reader),
            Received.Descriptor => Received.ReadFields(ref reader),
            _ => throw new AmqpException(ErrorCondition.NotImplemented, $"{DescriptorCode.NameOf(code)} is no delivery state known here"),
        };
    }
}

/// <summary>A state that ends a delivery (AMQP 1.0 §3.4): accepted, rejected, released, modified, or declared.</summary>
public abstract class Outcome : DeliveryState
{
    private protected Outcome()
    {
    }

    /// <summary>The symbol by which a source lists the outcome among those it supports, e.g. amqp:accepted:list.</summary>
    public abstract Types.Symbol Name { get; }

    /// <summary>
    /// Reads an outcome. A transactional state is none: it holds an outcome, and so cannot hold another of its own kind, which
    /// keeps the nesting of states bounded.
    /// </summary>
    /// <exception cref="AmqpException">amqp:not-implemented when the described type is no outcome this library knows.</exception>
    public static new Outcome Read(ref AmqpReader reader)
    {
        var code = reader.ReadDescriptor();
        return code switch
        {
            Accepted.Descriptor => MarkedAccepted.ReadFields(ref reader),
            Released.Descriptor => Released.ReadFields(ref reader),
            Rejected.Descriptor => Rejected.ReadFields(ref reader),
            Modified.Descriptor => Modified.ReadFields(ref reader),
            Declared.Descriptor => Declared.ReadFields(ref reader),
            _ => throw new AmqpException(ErrorCondition.NotImplemented, $"{DescriptorCode.NameOf(code)} is no outcome known here"),
        };
    }
}

/// <summary>What can stand at the receiving end of a link: a <see cref="Target"/>, or a transaction coordinator.</summary>
public interface ITarget : IAmqpEncodable
{
    /// <summary>The capabilities that the target offers or desires.</summary>
    Types.Symbol[]? Capabilities { get; }
}

/// <summary>Reads targets.</summary>
public static class AnyTarget
{
    /// <summary>Reads a target or a coordinator.</summary>
    /// <exception cref="AmqpException">amqp:not-implemented when the described type is neither.</exception>
    public static ITarget Read(ref AmqpReader reader)
    {
        var code = reader.ReadDescriptor();
        return code switch
        {
            Target.Descriptor => Target.ReadFields(ref reader),
            Coordinator.Descriptor => Coordinator.ReadFields(ref reader),
            _ => throw new AmqpException(ErrorCondition.NotImplemented, $"{DescriptorCode.NameOf(code)} is no target known here"),
        };
    }
}
