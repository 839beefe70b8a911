namespace Memoir.Server.Recall.Text;

/// <summary>English forms that no suffix rule can reduce (went, bought, children) and the lemma they count as.</summary>
internal static class IrregularForms
{
    private const string English =
        "went:go gone:go bought:buy brought:bring thought:think taught:teach caught:catch fought:fight sought:seek ate:eat eaten:eat " +
        "drank:drink drunk:drink drove:drive driven:drive rode:ride ridden:ride wrote:write written:write spoke:speak spoken:speak " +
        "broke:break broken:break chose:choose chosen:choose froze:freeze frozen:freeze stole:steal stolen:steal woke:wake woken:wake " +
        "wore:wear worn:wear tore:tear torn:tear swore:swear sworn:swear began:begin begun:begin ran:run swam:swim swum:swim sang:sing " +
        "sung:sing rang:ring rung:ring sank:sink sunk:sink gave:give given:give took:take taken:take shook:shake shaken:shake " +
        "forgot:forget forgotten:forget got:get gotten:get forgave:forgive forgiven:forgive came:come became:become knew:know known:know " +
        "grew:grow grown:grow threw:throw thrown:throw flew:fly flown:fly drew:draw drawn:draw blew:blow blown:blow saw:see seen:see " +
        "fell:fall fallen:fall felt:feel kept:keep slept:sleep left:leave met:meet led:lead fed:feed read:read said:say paid:pay " +
        "laid:lay made:make heard:hear held:hold told:tell sold:sell found:find stood:stand understood:understand lost:lose won:win " +
        "sat:sit spent:spend sent:send lent:lend bent:bend built:build dealt:deal meant:mean dreamt:dream learnt:learn burnt:burn " +
        "hung:hang stuck:stick struck:strike swung:swing dug:dig bit:bite bitten:bite hid:hide hidden:hide rose:rise risen:rise " +
        "arose:arise arisen:arise shown:show sewn:sew sown:sow shot:shoot slid:slide shone:shine bound:bind wound:wind beaten:beat " +
        "bore:bear overcame:overcome undertook:undertake underwent:undergo withdrew:withdraw mistook:mistake " +
        "children:child men:man women:woman people:person feet:foot teeth:tooth geese:goose mice:mouse wives:wife lives:life " +
        "knives:knife leaves:leaf shelves:shelf wolves:wolf halves:half selves:self loaves:loaf thieves:thief oxen:ox " +
        "better:good best:good worse:bad worst:bad mom:mother mum:mother mommy:mother mama:mother dad:father daddy:father papa:father " +
        "grandma:grandmother granny:grandmother grandpa:grandfather kid:child kids:child bike:bicycle bikes:bicycle " +
        "photo:picture photos:picture pic:picture pics:picture photograph:picture photographs:picture tv:television phone:telephone " +
        "fav:favorite favourite:favorite favourites:favorite favorites:favorite colour:color colours:color lots:lot gonna:go wanna:want";

    private static readonly Dictionary<string, string> Lemmas = English.Split(' ')
        .Select(pair => pair.Split(':'))
        .ToDictionary(pair => pair[0], pair => pair[1]);

    private static readonly Dictionary<string, string>.AlternateLookup<ReadOnlySpan<char>> Lookup =
        Lemmas.GetAlternateLookup<ReadOnlySpan<char>>();

    public static bool TryFind(ReadOnlySpan<char> word, out string? lemma) => Lookup.TryGetValue(word, out lemma);
}
