namespace Memoir.Server.Access;

/// <summary>The form of a tenant's name.</summary>
internal static class TenantId
{
    public const string Rule = "must be 1 to 128 characters of A-Z a-z 0-9 . _ : @ + -";

    public static bool IsValid(string id)
    {
        if (id.Length is < 1 or > 128)
        {
            return false;
        }

        foreach (var c in id)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or ':' or '@' or '+' or '-'))
            {
                return false;
            }
        }

        return true;
    }
}
