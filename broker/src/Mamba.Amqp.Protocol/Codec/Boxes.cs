namespace Mamba.Amqp.Codec;

/// <summary>Boxed small values made once, so that lists of flags and small numbers cost no object per item.</summary>
internal static class Boxes
{
    private static readonly object True = true;
    private static readonly object False = false;
    private static readonly object[] UBytes = Make(0, 256, static i => (byte)i);
    private static readonly object[] Bytes = Make(-128, 256, static i => (sbyte)i);
    private static readonly object[] UInts = Make(0, 256, static i => (uint)i);
    private static readonly object[] ULongs = Make(0, 256, static i => (ulong)i);
    private static readonly object[] Ints = Make(-128, 256, static i => i);
    private static readonly object[] Longs = Make(-128, 256, static i => (long)i);

    public static object Of(bool value) => value ? True : False;

    public static object Of(byte value) => UBytes[value];

    public static object Of(sbyte value) => Bytes[value + 128];

    public static object Of(uint value) => value < 256 ? UInts[value] : value;

    public static object Of(ulong value) => value < 256 ? ULongs[value] : value;

    public static object Of(int value) => value is >= -128 and < 128 ? Ints[value + 128] : value;

    public static object Of(long value) => value is >= -128 and < 128 ? Longs[value + 128] : value;

    private static object[] Make(int from, int count, Func<int, object> box)
    {
        var boxes = new object[count];
        for (var i = 0; i < count; i++)
        {
            boxes[i] = box(from + i);
        }

        return boxes;
    }
}
