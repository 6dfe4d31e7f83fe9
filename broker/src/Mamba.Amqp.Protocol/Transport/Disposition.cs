namespace Mamba.Amqp.Transport;

public partial struct Disposition
{
    /// <summary>The upper bound of the delivery-ids: <see cref="Last"/>, or <see cref="First"/> when it is absent (AMQP 1.0 §2.7.6).</summary>
    public readonly uint LastOrFirst => Last ?? First;
}
