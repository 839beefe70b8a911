namespace Memoir.Server.Commands.Import.ChatGpt;

/// <summary>The checksum of zip archives, which the framework does not check when it reads one.</summary>
internal sealed class Crc32
{
    private static readonly uint[] Table = [.. Enumerable.Range(0, 256).Select(number =>
    {
        var value = (uint)number;
        for (var bit = 0; bit < 8; bit++)
        {
            value = (value & 1) == 1 ? 0xEDB88320 ^ (value >> 1) : value >> 1;
        }

        return value;
    })];

    private uint _value = uint.MaxValue;

    public uint Value => ~_value;

    public void Append(ReadOnlySpan<byte> bytes)
    {
        foreach (var b in bytes)
        {
            _value = Table[(byte)(_value ^ b)] ^ (_value >> 8);
        }
    }
}
