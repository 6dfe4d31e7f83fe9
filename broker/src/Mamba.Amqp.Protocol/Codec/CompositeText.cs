using System.Text;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Codec;

/// <summary>The text of a composite for logs: its name and the fields that have a value.</summary>
internal ref struct CompositeText
{
    private readonly StringBuilder _text;
    private bool _any;

    public CompositeText(string type) => _text = new StringBuilder(type).Append('{');

    public void Add(string field, object? value)
    {
        if (value is null)
        {
            return;
        }

        _text.Append(_any ? ", " : "").Append(field).Append('=');
        _text.Append(AmqpValue.ToString(value));
        _any = true;
    }

    public readonly string End() => _text.Append('}').ToString();
}
