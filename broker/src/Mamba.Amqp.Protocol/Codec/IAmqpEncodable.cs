namespace Mamba.Amqp.Codec;

/// <summary>A composite or section that can write itself, descriptor included.</summary>
public interface IAmqpEncodable
{
    /// <summary>Appends the encoded value.</summary>
    void Write(AmqpWriter writer);
}
