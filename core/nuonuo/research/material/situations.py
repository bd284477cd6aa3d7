"""Situations of daily life in several wordings, and what fills their slots: the stuff of `made_up_pairs`.

A slot ``{kind}`` or ``{kind2}`` takes one filling of FILLINGS[kind]: a tuple of synonyms, of which the
first text of a pair says the first and the other one the last.
"""

from __future__ import annotations


def _fillings(text: str) -> dict[str, tuple[tuple[str, ...], ...]]:
    """``kind: filling, filling``, a paragraph each; synonyms parted by slashes."""
    found = {}
    for paragraph in text.strip().split("\n\n"):
        kind, _, words = " ".join(paragraph.split()).partition(": ")
        found[kind] = tuple(tuple(each.split("/")) for each in words.split(", "))
    return found


def _situations(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """A paragraph each: the topic, then its wordings, a line each."""
    paragraphs = [paragraph.split("\n") for paragraph in text.strip().split("\n\n")]
    return tuple((topic, tuple(wordings)) for topic, *wordings in paragraphs)


FILLINGS = _fillings("""
who: Alice, Bruno, Carmen, Dmitri, Elena, Farid, Greta, Hugo, Ines, Jonas, Kavita, Liam, Mei, Nadia,
Oscar, Priya, Quentin, Rosa, Samuel, Tomoko, Umar, Vera, Walter, Ximena, Yusuf, Zoe, my sister, my
uncle, our neighbour, my old boss, the new intern, my flatmate, my grandmother, our landlord

pet: dog/hound, cat/kitten, parrot/bird, hamster/rodent, pony/little horse, rabbit/bunny

fear: thunder/thunderstorms, fireworks/rockets, the vacuum cleaner/the hoover, strangers/people it
does not know, water/getting wet, the vet/the animal doctor

city: Lisbon, Oslo, Kyoto, Montreal, Nairobi, Bogota, Dublin, Hanoi, Prague, Perth, Denver, Riga,
Athens, Seville

job: nurse/hospital nurse, lawyer/attorney, carpenter/woodworker, teacher/schoolteacher, chef/cook,
pilot/airline captain, software engineer/programmer, photographer/picture taker, doctor/physician,
journalist/reporter, plumber/pipe fitter, dentist/tooth doctor

food: peanuts/groundnuts, shellfish/prawns and crabs, strawberries, gluten/wheat, eggs, soy,
mushrooms, cow's milk/dairy, sesame, celery

dish: lasagne/baked pasta, paella/Spanish rice, ramen/noodle soup, apple pie/apple tart,
goulash/beef stew, dumplings, a chocolate cake/a chocolate gateau, fish tacos, curry, pancakes

instrument: violin/fiddle, piano, cello, trumpet, drums/percussion, guitar, flute, accordion, harp,
saxophone/sax

sport: tennis, swimming, rowing, climbing/bouldering, football/soccer, chess, fencing, cycling/bike
racing, judo, running/jogging, badminton

vehicle: car/automobile, bicycle/bike, motorbike/motorcycle, van/delivery van, scooter/moped,
boat/little ship

day: Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday

month: January, March, April, May, June, August, September, October, November

year: 1987, 1994, 1999, 2003, 2008, 2011, 2015, 2018, 2020

price: forty euros, ninety dollars, two hundred pounds, twelve francs, five thousand yen, a fortune

ill: the flu/influenza, a broken arm/a fractured arm, migraine/bad headaches, back pain/an aching
back, pneumonia/a lung infection, high blood pressure/hypertension, a cold/the sniffles,
insomnia/sleepless nights

colour: green, dark blue/navy, crimson/deep red, yellow, grey, white, violet/purple, orange

room: kitchen, bathroom, bedroom, cellar/basement, attic/loft, hallway/corridor, living room/lounge

gift: a watch/a wristwatch, a book of poems/a poetry volume, a scarf, a telescope, a necklace/a
chain, a fountain pen, a bonsai tree, a chess set, concert tickets, a camera

plant: tomatoes, roses, basil, tulips, pumpkins, lavender, sunflowers, potatoes, orchids

language: Japanese, Portuguese, Swahili, Finnish, Arabic, Greek, Polish, Korean, Welsh

device: phone/mobile, laptop/notebook computer, washing machine/washer, dishwasher, printer,
television/TV, fridge/refrigerator, router/wifi box, coffee machine/espresso maker

film: science fiction films/sci-fi movies, horror films/scary movies, westerns/cowboy films,
musicals, documentaries/factual films, silent films/old silents, romantic comedies/romcoms

subject: physics, medieval history/the Middle Ages, marine biology/life in the sea, law,
linguistics, economics, architecture, astronomy/the stars, philosophy, nursing

drink: green tea, black coffee, oat milk, red wine, ginger beer, tap water, hot chocolate/cocoa

place: library, swimming pool/pool, bakery, railway station/train station, town hall, botanical
garden, museum, harbour/port, airport, stadium, old cinema/old movie theatre

lost: keys, wallet/purse, umbrella/brolly, passport, glasses/spectacles, gloves, ring,
suitcase/luggage

animal: foxes, bees, deer, hedgehogs, squirrels, wild boars/wild pigs, owls, bats

number: two/a pair of, three, four, five, six, seven, ten, a dozen/twelve
""")

# Topic -> its wordings, which all say the same.
SITUATIONS = _situations("""
pet
{who}'s {pet} is afraid of {fear}.
{fear} always scares the {pet} that belongs to {who}.
the {pet} at {who}'s place panics when it comes to {fear}.

move
{who} moved to {city} in {year}.
since {year}, {city} has been home to {who}.
in {year}, {who} packed up and settled in {city}.

work
{who} works as a {job} in {city}.
in {city}, {who} earns a living as a {job}.
the profession of {who}, over in {city}, is {job}.

allergy
{who} is allergic to {food}.
{food} must never be served to {who}, because of an allergy.
eating {food} makes {who} ill at once.

cooking
{who} cooked {dish} for {who2} last {day}.
last {day}, {who2} was treated to {dish} made by {who}.
{dish} was what {who} prepared on {day} when {who2} came over.

music
{who} has played the {instrument} since {year}.
it was {year} when {who} took up the {instrument}.
{who} started learning the {instrument} back in {year}.

sport
{who} goes {sport} training every {day}.
on {day}s, {who} never misses {sport} practice.
every {day} is {sport} day for {who}.

purchase
{who} bought a {colour} {vehicle} for {price}.
{price} is what {who} paid for the {colour} {vehicle}.
the {colour} {vehicle} cost {who} {price}.

illness
{who} has been suffering from {ill} since {month}.
since {month}, {ill} has troubled {who}.
it was in {month} that {who} came down with {ill}.

painting
{who} painted the {room} {colour}.
the walls of {who}'s {room} are {colour} now.
after {who} was done with the brush, the {room} was {colour}.

present
{who} gave {who2} {gift} in {month}.
{who2} received {gift} from {who} in {month}.
in {month}, {gift} was the present {who2} got from {who}.

garden
{who} grows {plant} behind the house.
behind the house, {who} has a bed full of {plant}.
{plant} are what {who} plants in the back garden.

language
{who} is learning {language} before a trip in {month}.
before travelling in {month}, {who} takes {language} lessons.
{language} is the tongue {who} studies for the journey in {month}.

repair
the {device} of {who} broke on {day}.
on {day}, {who}'s {device} stopped working.
{who} has needed a new {device} since {day}, when the old one died.

film
{who} cannot stand {film}.
{film} are something {who} hates.
{who} leaves the room whenever {film} are on.

study
{who} studied {subject} in {city}.
the university of {city} is where {who} read {subject}.
{who} holds a degree in {subject} from {city}.

drink
{who} drinks nothing but {drink} at breakfast.
at breakfast, {drink} is all that {who} will have.
every morning starts with {drink} for {who}, never anything else.

meeting
{who} will meet {who2} at the {place} on {day}.
on {day}, {who2} has an appointment with {who} at the {place}.
the {place} is where {who} and {who2} get together on {day}.

lost
{who} lost the {lost} at the {place}.
at the {place}, {who}'s {lost} went missing.
{who} left the {lost} somewhere in the {place} and never found them again.

wildlife
{who} saw {number} {animal} near the {place}.
near the {place}, {number} {animal} crossed the path of {who}.
{who} came upon {number} {animal} close to the {place}.

wedding
{who} married {who2} in {year} in {city}.
the wedding of {who} and {who2} took place in {city} in {year}.
{who} and {who2} have been husband and wife since {year}, when they wed in {city}.

children
{who} has {number} children living in {city}.
{number} sons and daughters of {who} live in {city}.
in {city} there are {number} kids whose parent is {who}.

debt
{who} owes {who2} {price}.
{who2} still has not got back {price} from {who}.
{who} borrowed {price} from {who2} and has yet to return it.

visit
{who} visits {who2} in {city} every {month}.
every {month}, {who2} in {city} has {who} to stay.
once a year, in {month}, {who} travels to {city} to see {who2}.

opening
the {place} in {city} closes early on {day}.
on {day}, the {place} of {city} shuts sooner than usual.
do not go late to the {place} in {city} on a {day}.

birthday
{who} was born in {month} {year}.
the birthday of {who} falls in {month}, and the year was {year}.
{who} came into the world in {month} of {year}.

accident
{who} crashed the {vehicle} on the way to {city}.
on the road to {city}, {who} had an accident with the {vehicle}.
{who}'s {vehicle} was wrecked before it reached {city}.

hobby
{who} taught {who2} to play the {instrument}.
{who2} learned the {instrument} from {who}.
it was {who} who gave {who2} lessons on the {instrument}.

theft
someone stole {who}'s {vehicle} outside the {place}.
outside the {place}, the {vehicle} of {who} was taken by a thief.
{who}'s {vehicle} disappeared while it was parked by the {place}.

exam
{who} failed the {subject} exam in {month}.
in {month}, {who} did not pass the test in {subject}.
{who} has to repeat {subject} after the bad result in {month}.

collection
{who} keeps {number} {pet}s at home.
at home, {who} looks after {number} {pet}s.
the household of {who} includes {number} {pet}s.

retirement
{who} retired as a {job} in {year}.
in {year}, {who} stopped working as a {job}.
{who} gave up the career of a {job} in {year} to rest.

delivery
the {device} for {who} arrives on {day}.
on {day}, {who}'s new {device} is going to be delivered.
{who} has to be home on {day} to receive the {device}.

diet
{who} stopped eating {food} in {month}.
since {month}, {food} is off the menu for {who}.
{who} gave up {food} in {month}.

flight
{who} flies from {city} to {city2} on {day}.
on {day}, {who} takes the plane to {city2}, leaving {city}.
{who}'s flight to {city2} departs from {city} on {day}.

neighbour
{who} complained that {who2} practises the {instrument} at night.
the {instrument} that {who2} plays at night annoys {who}.
{who} cannot sleep because {who2} is playing the {instrument}.
""")
