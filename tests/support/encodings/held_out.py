"""More sentences, which were written to check the choice of an encoding and not to make it."""

HELD_OUT = {
    "german": [
        "Die Heizung im Zimmer ließ sich nicht regeln, nachts war es eiskalt.",
        "Mein Päckchen lag drei Tage beim Nachbarn, ohne Benachrichtigung.",
        "Tolles Frühstück, großes Buffet, gerne wieder.",
        "Warum muss ich für jede Rückfrage zehn Minuten in der Schleife hängen?",
    ],
    "french": [
        "Le petit déjeuner était froid et le café imbuvable.",
        "On m'a remboursé sans problème, service à la hauteur.",
        "Les horaires affichés ne sont jamais respectés, ça suffit.",
        "Très déçu, la fermeture éclair a lâché au bout d'une semaine.",
    ],
    "spanish": [
        "El desayuno estaba frío y nadie limpió la habitación.",
        "Me devolvieron el dinero enseguida, así da gusto.",
        "¿Cuándo piensan arreglar el ascensor? Llevamos años así.",
        "La cremallera se rompió a la segunda semana, qué lástima.",
    ],
    "polish": [
        "Śniadanie było zimne, a kawa nie do wypicia.",
        "Zwrot pieniędzy dostałam od ręki, brawo.",
        "Kiedy wreszcie naprawicie windę? Już rok chodzę pieszo.",
        "Zamek popsuł się po tygodniu, szkoda słów.",
    ],
    "czech": [
        "Snídaně byla studená a káva se nedala pít.",
        "Peníze mi vrátili hned, to se mi líbí.",
        "Kdy konečně opravíte výtah? Už rok chodím pěšky.",
        "Zip se rozbil po týdnu, škoda mluvit.",
    ],
    "russian": [
        "Завтрак был холодный, а кофе пить невозможно.",
        "Деньги вернули сразу, так держать.",
        "Когда же почините лифт? Год хожу пешком.",
        "Молния сломалась через неделю, очень жаль.",
    ],
    "greek": [
        "Το πρωινό ήταν κρύο και ο καφές δεν πινόταν.",
        "Μου επέστρεψαν τα χρήματα αμέσως, μπράβο.",
        "Πότε θα φτιάξετε το ασανσέρ; Έναν χρόνο ανεβαίνω με τα πόδια.",
        "Το φερμουάρ χάλασε σε μια εβδομάδα, κρίμα.",
    ],
    "turkish": [
        "Kahvaltı soğuktu, kahve de içilecek gibi değildi.",
        "Paramı hemen geri ödediler, helal olsun.",
        "Asansörü ne zaman tamir edeceksiniz? Bir yıldır yürüyorum.",
        "Fermuarı bir haftada bozuldu, çok yazık.",
    ],
    "japanese": [
        "朝食が冷めていて、コーヒーも飲めたものではなかった。",
        "返金の対応が早くて助かりました。",
        "エレベーターはいつ直るのでしょうか。",
        "一週間でファスナーが壊れました。残念です。",
    ],
    "simplified": [
        "早餐是凉的，咖啡也难喝。",
        "退款很快，服务值得表扬。",
        "电梯什么时候能修好？我已经爬了一年楼梯。",
        "拉链用了一个星期就坏了，真可惜。",
    ],
    "traditional": [
        "早餐是冷的，咖啡也很難喝。",
        "退款很快，服務值得表揚。",
        "電梯什麼時候才能修好？我已經爬了一年樓梯。",
        "拉鍊用了一個星期就壞了，真可惜。",
    ],
    "korean": [
        "아침 식사가 차가웠고 커피도 마시기 힘들었습니다.",
        "환불이 바로 처리되어 만족합니다.",
        "엘리베이터는 언제 고치나요? 일 년째 걸어 다닙니다.",
        "지퍼가 일주일 만에 고장 나서 아쉽네요.",
    ],
    "typographic": [
        "It’s the third time it’s broken, and they won’t answer.",
        "“Sorry, we’re closed” – that’s all I heard…",
        "They didn’t refund the €35 I’d paid.",
    ],
    "names": [
        "Mrs Schröder and Mr Weiß from the desk were rude.",
        "The jalapeño dip at the café was cold.",
        "Ask for Jörg, he fixed the façade in a day.",
        "Beyoncé on repeat all evening, too loud.",
    ],
}
